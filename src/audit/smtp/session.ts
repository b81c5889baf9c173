import type { AuditContext } from '../context.ts';
import type { Opened, TlsAsk, TlsBegun, Wire } from '../wire/index.ts';
import { classOf, readReply, type SmtpReply } from './reply.ts';

/** Where an exchanger is. */
export interface Place {
  readonly host: string;
  readonly address: string;
  readonly port: number;
}

/** What is said in EHLO is bounded as replies are; so is what is kept of it. */
const MAX_CAPABILITIES = 100;

/** A session with an exchanger: one command, one reply. */
export class SmtpSession {
  readonly wire: Wire;
  readonly #place: Place;
  readonly #context: AuditContext;

  private constructor(wire: Wire, place: Place, context: AuditContext) {
    this.wire = wire;
    this.#place = place;
    this.#context = context;
  }

  /** Connects; the greeting is not read yet. */
  static async connect(
    place: Place,
    context: AuditContext,
  ): Promise<SmtpSession | Exclude<Opened, { readonly status: 'open' }>> {
    const opened = await context.connect(place, { signal: context.signal, timeoutMs: context.settings.timeoutMs });
    return opened.status === 'open' ? new SmtpSession(opened.wire, place, context) : opened;
  }

  read(timeoutMs: number = this.#context.settings.timeoutMs): Promise<SmtpReply> {
    return readReply(this.wire, this.#context.clock, timeoutMs);
  }

  say(command: string): Promise<SmtpReply> {
    this.wire.write(`${command}\r\n`);
    return this.read();
  }

  /** EHLO. Some servers greet again when TLS has begun; that is read over. */
  async ehlo(): Promise<SmtpReply> {
    const reply = await this.say(`EHLO ${this.#context.settings.helo}`);
    return this.wire.secure && reply.status === 'reply' && reply.code === 220 ? this.read() : reply;
  }

  helo(): Promise<SmtpReply> {
    return this.say(`HELO ${this.#context.settings.helo}`);
  }

  /** The handshake, after STARTTLS was answered with 220. */
  startTls(ask: TlsAsk = {}): Promise<TlsBegun> {
    return this.wire.startTls({ name: this.#place.host, timeoutMs: this.#context.settings.timeoutMs, ...ask });
  }

  /** Answers when the connection is gone. */
  close(): Promise<void> {
    return this.wire.close('QUIT\r\n');
  }
}

/** The keywords of a reply to EHLO, as they were sent. */
export const capabilitiesOf = (reply: SmtpReply): readonly string[] =>
  reply.status === 'reply' ? reply.lines.slice(1, 1 + MAX_CAPABILITIES).map((line) => line.trim()) : [];

export const offers = (capabilities: readonly string[], keyword: string): boolean =>
  capabilities.some((capability) => capability.split(/[\s=]/, 1)[0]?.toUpperCase() === keyword);

/** A session in which EHLO was taken, or HELO where EHLO was not; undefined where there was none to be had. */
export async function begin(
  place: Place,
  context: AuditContext,
): Promise<{ readonly session: SmtpSession; readonly capabilities: readonly string[] } | undefined> {
  const session = await SmtpSession.connect(place, context);
  if (!(session instanceof SmtpSession)) return undefined;
  if (classOf(await session.read()) === 2) {
    const ehlo = await session.ehlo();
    if (classOf(ehlo) === 2) return { session, capabilities: capabilitiesOf(ehlo) };
    if (classOf(ehlo) === 5 && classOf(await session.helo()) === 2) return { session, capabilities: [] };
  }
  await session.close();
  return undefined;
}
