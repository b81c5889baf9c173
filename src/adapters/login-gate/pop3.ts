import type { AccessCapabilities } from '../../access/index.ts';
import { capabilityWords } from '../../access/index.ts';
import type { AttemptOutcome } from '../../checks/smtp-auth/index.ts';
import type { Command, Dialect } from './dialect.ts';
import type { Peer } from './peer.ts';

/** RFC 2449 §4 allows 255 for commands; an initial response may be longer (RFC 5034 §4). */
const MAX_LINE = 16_384;
const MAX_CAPABILITIES = 100;

/** POP3 up to the login (RFC 1939 §4, RFC 2595 §4, RFC 5034). */
export function pop3Dialect(): Dialect {
  /** The name from USER, until PASS. The backend receives both, or neither. */
  let user: string | undefined;
  return {
    protocol: 'pop3',
    maxCommand: MAX_LINE,
    maxResponse: MAX_LINE,
    plainMechanism: 'USER',
    ownCapabilities: ['RESP-CODES', 'AUTH-RESP-CODE'],
    parse,
    skipArguments: async () => 'skipped',
    advertised: pop3Capabilities,
    greeting: (_, serverName) => `+OK ${serverName} ready`,
    rewrittenGreeting: withoutTimestamp,
    capabilityReply: (lines) => ['+OK Capability list follows', ...lines, '.'],
    startTlsReply: () => '+OK Begin TLS negotiation',

    async greetBackend(peer, { tellClient }, { client }) {
      user = undefined;
      const line = await peer.text(MAX_LINE);
      if (line === undefined || !isOk(line)) return 'no greeting';
      let warning: string | undefined;
      if (tellClient === 'xclient') {
        await peer.say(`XCLIENT ADDR=${client.ip} PORT=${client.port}`);
        const answer = await peer.text(MAX_LINE);
        if (answer === undefined || !isOk(answer)) warning = 'XCLIENT was refused';
      }
      await peer.say('CAPA');
      const first = await peer.text(MAX_LINE);
      if (first === undefined) return 'no reply to CAPA';
      const capabilities: string[] = [];
      if (isOk(first))
        for (;;) {
          const next = await peer.text(MAX_LINE);
          if (next === undefined || capabilities.length > MAX_CAPABILITIES) return 'no end of CAPA';
          if (next === '.') break;
          capabilities.push(next);
        }
      return { line, capabilities, warning };
    },

    async credentials({ name, rest }) {
      const known = user;
      user = undefined;
      if (name === 'USER') {
        // biome-ignore lint/suspicious/noControlCharactersInRegex: a name contains no control characters
        if (!/^[^\x00-\x20\x7f]{1,255}$/.test(rest)) return { failure: 'credentials-missing' };
        user = rest;
        return { reply: '+OK' };
      }
      if (name !== 'PASS' || known === undefined) return { failure: 'bad-sequence' };
      if (/[\0\r\n]/.test(rest)) return { failure: 'credentials-malformed' };
      return [Buffer.from(known, 'latin1'), Buffer.from(rest, 'latin1')];
    },

    async plainLogin([name, password], backend) {
      if (!(await backend.say(`USER ${name.toString('latin1')}`))) return undefined;
      const reply = await backend.text(MAX_LINE);
      if (reply === undefined || !isOk(reply)) return reply;
      return (await backend.say(`PASS ${password.toString('latin1')}`)) ? backend.text(MAX_LINE) : undefined;
    },

    takesInitial: () => true,
    authCommand: (mechanism, initial) => `AUTH ${mechanism}${initial === undefined ? '' : ` ${initial}`}`,
    async next(backend: Peer) {
      const line = await backend.text(MAX_LINE);
      if (line === undefined) return undefined;
      return /^\+( |$)/.test(line) ? { challenge: line.slice(2) } : { last: line };
    },
    outcomeOf,
  };
}

function parse(line: string): Command {
  const space = line.indexOf(' ');
  const name = (space < 0 ? line : line.slice(0, space)).toUpperCase();
  const rest = space < 0 ? '' : line.slice(space + 1);
  switch (name) {
    case 'CAPA':
      return { kind: 'capabilities' };
    case 'QUIT':
      return { kind: 'fixed', lines: ['+OK Bye'], ends: true };
    case 'STLS':
      return { kind: 'starttls', name, argument: rest !== '' };
    case 'USER':
    case 'PASS':
    case 'APOP':
      return { kind: 'login', name, rest };
    case 'AUTH':
      return { kind: 'login', name, rest, mechanism: rest.split(' ', 1)[0] };
    default:
      return { kind: 'other' };
  }
}

const isOk = (line: string): boolean => /^\+OK( |$)/i.test(line);

/** RFC 2449 §8.1, RFC 3206: a locked mailbox or a broken server is not a wrong password. */
function outcomeOf(line: string): AttemptOutcome {
  if (isOk(line)) return 'accepted';
  return /^-ERR \[(SYS\/|IN-USE|LOGIN-DELAY)/i.test(line) ? 'not-judged' : 'rejected';
}

/** Returns the lines of CAPA to advertise. Of the backend's mechanisms those remain that the policy allows. */
export function pop3Capabilities(backend: readonly string[], can: AccessCapabilities): string[] {
  const sasl = backend.find((line) => /^SASL( |$)/i.test(line)) ?? '';
  const offered = sasl.toUpperCase().split(' ').slice(1);
  const kept = backend.filter((line) => !/^(STLS|USER|SASL|XCLIENT|APOP)( |$)/i.test(line));
  const mechanisms = can.mechanisms.filter((mechanism) => offered.includes(mechanism));
  return [...kept, ...capabilityWords('pop3', { ...can, mechanisms })];
}

/** Removes the time stamp from a greeting: it would offer APOP (RFC 1939 §7). */
export const withoutTimestamp = (greeting: string): string => greeting.replace(/\s*<[^<>\s]*@?[^<>\s]*>/g, '');
