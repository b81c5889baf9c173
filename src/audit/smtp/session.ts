import type { AuditContext } from '../context.ts';
import type { Opened, TlsAsk, TlsBegun, Wire } from '../wire/index.ts';
import { classOf, readReply, type SmtpReply } from './reply.ts';

/** Where an MX host is. */
export interface Place {
  readonly host: string;
  readonly address: string;
  readonly port: number;
}

/** What is said in EHLO is bounded as replies are; so is what is kept of it. */
const MAX_CAPABILITIES = 100;

/** A session with an MX host: one command, one reply. */
export class SmtpSession {
  readonly wire: Wire;
  readonly #place: Place;
  readonly #context: AuditContext;
  readonly #helo: string;

  private constructor(wire: Wire, place: Place, context: AuditContext, helo: string) {
    this.wire = wire;
    this.#helo = helo;
    this.#place = place;
    this.#context = context;
  }

  /**
   * Connects; the greeting is not read yet.
   *
   * @param helo the name in EHLO. Default: that of the settings.
   */
  static async connect(
    place: Place,
    context: AuditContext,
    helo: string = context.settings.helo,
  ): Promise<SmtpSession | Exclude<Opened, { readonly status: 'open' }>> {
    const opened = await context.connect(place, { signal: context.signal, timeoutMs: context.settings.timeoutMs });
    return opened.status === 'open' ? new SmtpSession(opened.wire, place, context, helo) : opened;
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
    const reply = await this.say(`EHLO ${this.#helo}`);
    return this.wire.secure && reply.status === 'reply' && reply.code === 220 ? this.read() : reply;
  }

  helo(): Promise<SmtpReply> {
    return this.say(`HELO ${this.#helo}`);
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

/** A session after the greeting. */
export interface Begun {
  readonly session: SmtpSession;
  readonly capabilities: readonly string[];
  /** Whether the server accepted EHLO or HELO; always, unless a name was given. */
  readonly accepted: boolean;
}

/**
 * Opens a session and sends EHLO, or HELO if the server refuses EHLO. Returns undefined if no session could be had.
 *
 * @param helo a name of its own: a server that refuses it has answered, and the session is returned as it is
 */
export async function begin(place: Place, context: AuditContext, helo?: string): Promise<Begun | undefined> {
  const session = await SmtpSession.connect(place, context, helo);
  if (!(session instanceof SmtpSession)) return undefined;
  if (classOf(await session.read()) === 2) {
    const ehlo = await session.ehlo();
    if (classOf(ehlo) === 2) return { session, capabilities: capabilitiesOf(ehlo), accepted: true };
    if (classOf(ehlo) === 5 && classOf(await session.helo()) === 2)
      return { session, capabilities: [], accepted: true };
    if (helo !== undefined) return { session, capabilities: [], accepted: false };
  }
  await session.close();
  return undefined;
}
