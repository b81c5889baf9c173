/** What postern uses of mailauth 7.1.0 below its public face; the version is pinned exactly. */
declare module 'mailauth/lib/spf/spf-verify.js' {
  export function spfVerify(
    domain: string,
    options: import('./mailauth.ts').SpfVerifyOptions,
  ): Promise<import('./mailauth.ts').SpfMatch | false>;
}
declare module 'mailauth/lib/spf/macro.js' {
  export default function macro(text: string, values: import('./mailauth.ts').MacroValues): string;
}
declare module 'mailauth/lib/spf/syntax.js' {
  export function parseIp(text: string): import('./mailauth.ts').ParsedIp | null;
  export function normalizeTargetName(name: string): string;
  export function isValidTargetName(name: string): boolean;
}
