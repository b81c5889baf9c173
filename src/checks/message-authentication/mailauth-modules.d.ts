/** What postern uses of mailauth 7.1.0 below its typed face; the version is pinned exactly. */
declare module 'mailauth/lib/dkim/dkim-verifier.js' {
  export const DkimVerifier: import('./mailauth.ts').DkimVerifierClass;
}
