/**
 * The DNS questions of one piece of work, each asked once.
 *
 * **Answers**: every question once, in whatever spelling and however often it is asked.
 * **Asks**: the resolver behind it, with one signal for all questions.
 * **Standards**: RFC 1035 §2.3.4 and §3.1 (lengths), RFC 4343 (case).
 * **Limits**: answers are kept as long as the object lives, whatever their TTL. A name that is an IP address, and the root,
 * are answered with `nxdomain` without a query. {@link questionName} accepts spaces, underscores and other printable ASCII,
 * since SPF macros and service records need them; it does not map text outside ASCII (`parseDomain` of `postern/net` does).
 *
 * @example
 * ```ts
 * import { Questions, questionName } from 'postern/dns';
 * import { zone } from 'postern/testing';
 *
 * const questions = new Questions(zone({ 'example.org': { TXT: ['v=spf1 -all'] } }));
 * await questions.resolve('Example.ORG.', 'TXT');
 * await questions.resolve('example.org', 'TXT'); // the same answer
 * questions.count; // 1
 *
 * questionName('Example.ORG.'); // 'example.org'
 * questionName('a..b'); // undefined
 * ```
 *
 * @module
 */
import type { DnsAnswer, DnsResolver, RecordType, ResolveOptions } from '../env/index.ts';
import { onAbort } from '../env/index.ts';
import { parseIp } from '../net/index.ts';

type OnAnswer = (answer: DnsAnswer) => void;

/** One question: outstanding, or answered. */
export class Question {
  /** The name as {@link questionName} writes it, unless the question cannot be sent. */
  readonly name: string;
  readonly type: RecordType;
  /** The answer, once it has arrived. */
  answer: DnsAnswer | undefined;
  /** One function, since there is rarely more than one. */
  #waiting: OnAnswer | undefined;

  constructor(name: string, type: RecordType, answer?: DnsAnswer) {
    this.name = name;
    this.type = type;
    this.answer = answer;
  }

  /** Calls `then` with the answer: at once if it has arrived. */
  when(then: OnAnswer): void {
    const waiting = this.#waiting;
    if (this.answer !== undefined) then(this.answer);
    else if (waiting === undefined) this.#waiting = then;
    else
      this.#waiting = (answer) => {
        waiting(answer);
        then(answer);
      };
  }

  /** Takes the first answer; ignores others. */
  settle(answer: DnsAnswer): void {
    if (this.answer !== undefined) return;
    this.answer = answer;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.(answer);
  }
}

/** Asks each question once. A resolver that throws is answered with `temperror`. */
export class Questions implements DnsResolver {
  readonly #dns: DnsResolver;
  /** By type and spelling. A key made of both would cost a new string for each question. */
  readonly #asked = new Map<RecordType, Map<string, Question>>();
  readonly #options = new LazySignal();
  #count = 0;
  #outstanding = 0;
  #over: DnsAnswer | undefined;

  constructor(dns: DnsResolver) {
    this.#dns = dns;
  }

  /** How many questions were sent. */
  get count(): number {
    return this.#count;
  }

  /** Asks a question, unless it has been asked. */
  ask(text: string, type: RecordType): Question {
    let asked = this.#asked.get(type);
    if (asked === undefined) {
      asked = new Map();
      this.#asked.set(type, asked);
    }
    let question = asked.get(text);
    if (question !== undefined) return question;
    const name = questionName(text);
    if (name === undefined || name === '' || (mayBeAddress(name) && parseIp(name) !== undefined))
      question = new Question(text, type, nowhere);
    else if (name !== text) question = this.ask(name, type);
    else {
      question = new Question(name, type, this.#over);
      if (this.#over === undefined) this.#send(question);
    }
    asked.set(text, question);
    return question;
  }

  /** Asks a question, unless it has been asked. If `signal` is aborted, only this caller stops waiting. */
  resolve<T extends RecordType>(name: string, type: T, { signal }: ResolveOptions = {}): Promise<DnsAnswer<T>> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve(aborted);
      const withdraw = onAbort(signal, () => resolve(aborted));
      this.ask(name, type).when((answer) => {
        withdraw();
        resolve(answer as DnsAnswer<T>);
      });
    });
  }

  /** Aborts all outstanding questions. They, and all questions asked later, are answered with `temperror`. */
  giveUp(reason: string): void {
    if (this.#over !== undefined) return;
    this.#over = { status: 'temperror', reason };
    if (this.#outstanding === 0) return;
    this.#options.abort();
    for (const asked of this.#asked.values()) for (const question of [...asked.values()]) question.settle(this.#over);
  }

  #send(question: Question): void {
    this.#count++;
    this.#outstanding++;
    const arrived = (answer: DnsAnswer): void => {
      this.#outstanding--;
      question.settle(answer);
    };
    const failed = (error: unknown): void =>
      arrived({ status: 'temperror', reason: error instanceof Error ? error.message : 'the resolver failed' });
    try {
      this.#dns.resolve(question.name, question.type, this.#options).then(arrived, failed);
    } catch (error) {
      failed(error);
    }
  }
}

const aborted = { status: 'temperror', reason: 'aborted' } as const;
const nowhere: DnsAnswer = { status: 'nxdomain', ttl: 0 };

/** Whether the name may be an IP address. Parsing every name would be slow. */
const mayBeAddress = (name: string): boolean => {
  const last = name.charCodeAt(name.length - 1);
  return (last >= 0x30 && last <= 0x39) || name.includes(':');
};

/** Creates the signal when a resolver first reads it: AbortControllers are expensive and rarely needed. */
class LazySignal implements ResolveOptions {
  #controller: AbortController | undefined;
  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    return this.#controller.signal;
  }
  abort(): void {
    this.#controller?.abort();
  }
}

/** RFC 1035 §2.3.4: 255 octets on the wire, including the root's zero octet and the first length octet. */
const MAX_NAME = 253;
const MAX_LABEL = 63;

/**
 * Returns the name in lower case without the trailing dot: the form in which it is queried, cached and compared. `''` is the
 * root.
 *
 * A backslash is refused: resolvers report octets that text cannot carry as `\.` or `\007`, and such a name, queried again,
 * would be split at the wrong dots.
 *
 * @returns undefined if the name cannot be sent. Every resolver answers it with `nxdomain`.
 */
export function questionName(text: string): string | undefined {
  if (text === '.' || text === '') return '';
  if (text.length > MAX_NAME + 1) return undefined;
  const name = text.endsWith('.') ? text.slice(0, -1) : text;
  if (name.length > MAX_NAME) return undefined;
  let label = 0;
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    if (code === 0x2e) {
      if (label === 0) return undefined;
      label = 0;
    } else {
      if (code < 0x20 || code > 0x7e || code === 0x5c || ++label > MAX_LABEL) return undefined;
    }
  }
  return label === 0 ? undefined : name.toLowerCase();
}
