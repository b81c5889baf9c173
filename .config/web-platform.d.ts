/**
 * Declares the globals that neutral code may use: those of the web platform that every runtime provides (Node, Deno, Bun,
 * workerd, browsers). Other globals do not compile in neutral code.
 */
interface AbortSignal {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: 'abort', listener: () => void, options?: { once?: boolean }): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}
declare var AbortController: {
  new (): { readonly signal: AbortSignal; abort(reason?: unknown): void };
};
interface AbortController {
  readonly signal: AbortSignal;
  abort(reason?: unknown): void;
}
declare class URL {
  constructor(url: string, base?: string);
  static canParse?(url: string, base?: string): boolean;
  readonly href: string;
  readonly protocol: string;
  readonly hostname: string;
  readonly host: string;
  readonly port: string;
  readonly pathname: string;
  readonly search: string;
  readonly hash: string;
  readonly username: string;
  readonly password: string;
}
declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
  readonly encoding: string;
  decode(input?: ArrayBuffer | ArrayBufferView, options?: { stream?: boolean }): string;
}
declare class TextEncoder {
  encode(input?: string): Uint8Array<ArrayBuffer>;
}
type PosternKeyData = ArrayBuffer | ArrayBufferView<ArrayBuffer>;
interface CryptoKey {
  readonly type: string;
}
declare var crypto: {
  getRandomValues<T extends ArrayBufferView>(array: T): T;
  readonly subtle: {
    digest(algorithm: string, data: PosternKeyData): Promise<ArrayBuffer>;
    importKey(
      format: 'raw',
      key: PosternKeyData,
      algorithm: string | { name: string; hash?: string },
      extractable: boolean,
      usages: readonly string[],
    ): Promise<CryptoKey>;
    sign(algorithm: string, key: CryptoKey, data: PosternKeyData): Promise<ArrayBuffer>;
    deriveBits(
      algorithm: { name: string; hash: string; salt: PosternKeyData; iterations: number },
      key: CryptoKey,
      length: number,
    ): Promise<ArrayBuffer>;
  };
};
declare function atob(data: string): string;
declare function btoa(data: string): string;
