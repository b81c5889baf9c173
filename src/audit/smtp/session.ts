import type { AuditContext } from '../context.ts';
import type { Opened, TlsAsk, TlsBegun, Wire } from '../wire/index.ts';
import { classOf, readReply, type SmtpReply } from './reply.ts';

/** One address and port of an MX host. */
export interface Place {
  readonly host: string;
  readonly address: string;
  readonly port: number;
}

/** Maximum number of EHLO keywords kept. */
const MAX_CAPABILITIES = 100;

/** An SMTP session with an MX host. */
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
   * Connects, without reading the greeting.
   *
   * @param helo the name in EHLO. Default: `helo` of the settings.
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

  /** Sends a command, and reads the reply. */
  command(command: string): Promise<SmtpReply> {
    this.wire.write(`${command}\r\n`);
    return this.read();
  }

  /** Sends EHLO. Skips the second greeting that some servers send over TLS. */
  async ehlo(): Promise<SmtpReply> {
    const reply = await this.command(`EHLO ${this.#helo}`);
    return this.wire.secure && reply.status === 'reply' && reply.code === 220 ? this.read() : reply;
  }

  helo(): Promise<SmtpReply> {
    return this.command(`HELO ${this.#helo}`);
  }

  /** Runs the TLS handshake, after a 220 reply to STARTTLS. */
  startTls(ask: TlsAsk = {}): Promise<TlsBegun> {
    return this.wire.startTls({ name: this.#place.host, timeoutMs: this.#context.settings.timeoutMs, ...ask });
  }

  /** Sends QUIT. Resolves when the connection is closed. */
  close(): Promise<void> {
    return this.wire.close('QUIT\r\n');
  }
}

/** Returns the keyword lines of a reply to EHLO. */
export const capabilitiesOf = (reply: SmtpReply): readonly string[] =>
  reply.status === 'reply' ? reply.lines.slice(1, 1 + MAX_CAPABILITIES).map((line) => line.trim()) : [];

export const offers = (capabilities: readonly string[], keyword: string): boolean =>
  capabilities.some((capability) => capability.split(/[\s=]/, 1)[0]?.toUpperCase() === keyword);

/** A session after EHLO. */
export interface Begun {
  readonly session: SmtpSession;
  readonly capabilities: readonly string[];
  /** The server accepted EHLO or HELO. Can be false only if `begin` was called with a name. */
  readonly accepted: boolean;
}

/**
 * Opens a session and sends EHLO, or HELO if the server rejects EHLO. Returns undefined if that fails.
 *
 * @param helo a name for EHLO. If the server rejects it, the session is returned all the same, with `accepted: false`.
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
