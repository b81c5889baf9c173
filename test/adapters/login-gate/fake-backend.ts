import { type AddressInfo, createServer, type Socket } from 'node:net';

/** A mail server without any protection, and without any mail: what it was told, and what it answers. */
export interface FakeBackend {
  readonly port: number;
  /** Every line of every connection, in order. */
  readonly heard: string[];
  readonly connections: number;
  /** Octets that clients have sent after they logged in. */
  readonly received: () => number;
  close(): Promise<void>;
}

export interface Script {
  readonly protocol: 'imap' | 'pop3';
  readonly greeting?: string;
  readonly capabilities?: string;
  /** What a login is answered, by account and password; the tag is put before it. Nothing if undefined. */
  readonly login?: (account: string, password: string) => string | undefined;
  /** Sent instead of a reply to the login, tag and all: lines with literals, a broken connection (`null`). */
  readonly rawLogin?: (tag: string) => Buffer | null;
  /** Octets that follow `tag FETCH`. */
  readonly fetch?: (socket: Socket) => void;
}

const usual = {
  imap: {
    greeting:
      '* OK [CAPABILITY IMAP4rev1 SASL-IR LITERAL+ ID ENABLE IDLE AUTH=PLAIN AUTH=LOGIN AUTH=CRAM-MD5 AUTH=SCRAM-SHA-256 AUTH=XOAUTH2 AUTH=OAUTHBEARER LOGINDISABLED] Backend ready.',
    capabilities:
      'IMAP4rev1 SASL-IR LITERAL+ ID ENABLE IDLE AUTH=PLAIN AUTH=LOGIN AUTH=CRAM-MD5 AUTH=SCRAM-SHA-256 AUTH=XOAUTH2 AUTH=OAUTHBEARER',
  },
  pop3: {
    greeting: '+OK Backend ready <12345.67@backend.example>',
    capabilities: 'TOP UIDL RESP-CODES PIPELINING USER XCLIENT STLS',
  },
};

const plainOf = (base64: string): [string, string] => {
  const [, account = '', password = ''] = Buffer.from(base64, 'base64').toString().split('\0');
  return [account, password];
};

type Exchange = Generator<string, [account: string, password: string], string>;
const encoded = (text: string): string => Buffer.from(text).toString('base64');
const decoded = (base64: string): string => Buffer.from(base64, 'base64').toString();

/** Each yields challenges and is given responses, in base64; at the end it knows the account and what shows the password. */
const mechanisms: { readonly [mechanism: string]: () => Exchange } = {
  *PLAIN() {
    return plainOf(yield '');
  },
  *LOGIN() {
    // As Dovecot does: an empty initial response is answered like none.
    let account = '';
    while (account === '') account = decoded(yield encoded('Username:'));
    return [account, decoded(yield encoded('Password:'))];
  },
  *'CRAM-MD5'() {
    const [account = '', digest = ''] = decoded(yield encoded('<challenge>')).split(' ');
    return [account, digest === 'a'.repeat(32) ? 'secret' : digest];
  },
  *'SCRAM-SHA-256'() {
    const account = /n=([^,]*)/.exec(decoded(yield ''))?.[1] ?? '';
    const proof = /p=(.*)$/.exec(decoded(yield encoded('r=abcdef,s=c2FsdA==,i=4096')))?.[1] ?? '';
    if (proof !== encoded('secret')) return [account, proof];
    yield encoded('v=c2lnbmF0dXJl');
    return [account, 'secret'];
  },
  *XOAUTH2() {
    return yield* token(/user=(.*?)\W*auth=Bearer (\w*)/, yield '');
  },
  *OAUTHBEARER() {
    return yield* token(/a=([^,]*),\W*auth=Bearer (\w*)/, yield '');
  },
  *UNKNOWN() {
    yield encoded('<challenge>');
    return ['', ''];
  },
};
function* token(form: RegExp, message: string): Exchange {
  const [, account = '', secret = ''] = form.exec(decoded(message)) ?? [];
  if (secret !== 'secret') yield encoded('{"status":"invalid_token"}');
  return [account, secret];
}

export async function fakeBackend(script: Script): Promise<FakeBackend> {
  const heard: string[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  let received = 0;
  const { greeting = usual[script.protocol].greeting, capabilities = usual[script.protocol].capabilities } = script;
  const verdict = script.login ?? ((_, password) => (password === 'secret' ? 'OK' : 'NO'));

  const server = createServer((socket) => {
    connections++;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    let buffer = Buffer.alloc(0);
    let inside = false;
    let waiting: { count: number; take: (literal: Buffer) => void } | undefined;
    let response: ((line: string) => boolean) | undefined;
    const say = (line: string): boolean => socket.write(`${line}\r\n`, 'latin1');
    say(greeting);

    /** Any mechanism, by its script: what it still needs is asked for. */
    const sasl = (
      mechanism: string,
      initial: string | undefined,
      challenge: (base64: string) => void,
      end: { cancelled: () => void; done: (account: string, password: string) => void },
    ): void => {
      const run = mechanisms[mechanism]?.() ?? mechanisms.UNKNOWN!();
      let step = run.next('');
      if (initial !== undefined && !step.done) step = run.next(initial === '=' ? '' : initial);
      const go = (): void => {
        if (step.done) {
          end.done(...step.value);
          return;
        }
        challenge(step.value);
        response = (line) => {
          if (line === '*') end.cancelled();
          else {
            step = run.next(line);
            go();
          }
          return true;
        };
      };
      go();
    };
    const imapLogin = (tag: string, account: string, password: string): boolean => {
      const raw = script.rawLogin?.(tag);
      if (raw !== undefined) {
        if (raw === null) socket.destroy();
        else socket.write(raw);
        return true;
      }
      const answer = verdict(account, password);
      if (answer === undefined) return true;
      inside = answer.startsWith('OK');
      return say(
        `${tag} ${answer === 'OK' ? `OK [CAPABILITY ${capabilities} STARTTLS] Logged in` : answer === 'NO' ? 'NO [AUTHENTICATIONFAILED] Authentication failed.' : answer}`,
      );
    };
    const imap = (line: string): boolean => {
      const [tag = '', verb = '', ...rest] = line.split(' ');
      switch (verb.toUpperCase()) {
        case 'CAPABILITY':
          say(`* CAPABILITY ${capabilities}`);
          return say(`${tag} OK done`);
        case 'ID':
          say('* ID ("name" {7}\r\n* OK [C)');
          return say(`${tag} OK done`);
        case 'LOGIN': {
          const literal = /^(.*)\{(\d+)\}$/s.exec(rest.join(' '));
          const parts: string[] = [];
          const finish = (text: string): boolean => {
            for (const found of text.matchAll(/"((?:[^"\\]|\\.)*)"/g))
              parts.push((found[1] as string).replace(/\\(.)/g, '$1'));
            return imapLogin(tag, parts[0] ?? '', parts[1] ?? '');
          };
          if (literal === null) return finish(rest.join(' '));
          for (const found of (literal[1] as string).matchAll(/"((?:[^"\\]|\\.)*)"/g)) parts.push(found[1] as string);
          say('+ OK');
          waiting = {
            count: Number(literal[2]),
            take: (octets) => {
              parts.push(octets.toString());
              response = (next) => {
                const more = /^ \{(\d+)\}$/.exec(next);
                if (more === null) return finish(next);
                say('+ OK');
                waiting = {
                  count: Number(more[1]),
                  take: (last) => {
                    parts.push(last.toString());
                    response = finish;
                  },
                };
                return true;
              };
            },
          };
          return true;
        }
        case 'AUTHENTICATE': {
          const [mechanism = '', initial] = rest;
          sasl(mechanism, initial, (line) => say(`+ ${line}`), {
            cancelled: () => say(`${tag} BAD cancelled`),
            done: (account, password) => imapLogin(tag, account, password),
          });
          return true;
        }
        case 'FETCH':
          script.fetch?.(socket);
          return say(`${tag} OK FETCH done`);
        default:
          return say(`${tag} OK ${verb} done`);
      }
    };
    let user = '';
    const pop3 = (line: string): boolean => {
      const [verb = '', ...rest] = line.split(' ');
      const answer = (account: string, password: string): boolean => {
        const said = verdict(account, password);
        if (said === undefined) return true;
        inside = said.startsWith('OK');
        return say(said === 'OK' ? '+OK Logged in.' : said === 'NO' ? '-ERR [AUTH] Authentication failed.' : said);
      };
      switch (verb.toUpperCase()) {
        case 'CAPA':
          return say(
            `+OK\r\n${capabilities.split(' ').join('\r\n')}\r\nSASL PLAIN LOGIN CRAM-MD5 SCRAM-SHA-256 XOAUTH2 OAUTHBEARER\r\n.`,
          );
        case 'XCLIENT':
          return say('+OK Updated');
        case 'USER':
          user = rest.join(' ');
          return say('+OK');
        case 'PASS':
          return answer(user, rest.join(' '));
        case 'AUTH':
          sasl(rest[0] ?? '', rest[1], (line) => say(`+ ${line}`), {
            cancelled: () => say('-ERR cancelled'),
            done: answer,
          });
          return true;
        default:
          return say(`+OK ${verb}`);
      }
    };
    socket.on('data', (chunk) => {
      if (inside) received += chunk.length;
      buffer = Buffer.concat([buffer, chunk]);
      for (;;) {
        if (waiting !== undefined) {
          if (buffer.length < waiting.count) return;
          const { count, take } = waiting;
          waiting = undefined;
          const literal = buffer.subarray(0, count);
          buffer = buffer.subarray(count);
          heard.push(`<${count} octets>`);
          take(literal);
          continue;
        }
        const at = buffer.indexOf('\r\n');
        if (at < 0) return;
        const line = buffer.subarray(0, at).toString('latin1');
        buffer = buffer.subarray(at + 2);
        heard.push(line);
        if (line.startsWith('PROXY ')) continue;
        const next = response;
        response = undefined;
        if (next !== undefined) next(line);
        else if (script.protocol === 'imap') imap(line);
        else pop3(line);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    heard,
    get connections() {
      return connections;
    },
    received: () => received,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}
