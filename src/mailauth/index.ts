/**
 * Loads mailauth, which evaluates SPF and DMARC records and verifies signatures and seals.
 *
 * **Limits**: only private modules are loaded, since the package root does not load on Node 20 (ADR 22). mailauth is CommonJS and
 * requires Node's builtins. It is loaded lazily, since that takes about 150 ms.
 *
 * @module
 */

import { builtin, takeGlobalsBack } from './globals.ts';
import type { MailauthModules } from './modules.ts';

export type { MailauthModules };

let loaded: MailauthModules | undefined;
let loading: Promise<MailauthModules> | undefined;

/**
 * Returns the modules of mailauth, or a promise of them if they have not been loaded yet.
 *
 * The promise rejects if mailauth cannot be loaded. {@link assertMailauth} detects that earlier.
 */
export function mailauth(): MailauthModules | Promise<MailauthModules> {
  if (loaded !== undefined) return loaded;
  loading ??= import('./modules.ts').then(
    ({ modules }) => {
      loaded = modules;
      return modules;
    },
    (error: unknown) => {
      takeGlobalsBack();
      loading = undefined;
      throw new Error('postern: mailauth cannot be loaded, so neither SPF nor DKIM nor DMARC can be evaluated', {
        cause: error,
      });
    },
  );
  return loading;
}

/**
 * Throws if mailauth cannot work in this runtime, so that a check that needs it fails when it is created and not for every mail.
 *
 * In a bundle, only loading shows whether mailauth is included. It is then loaded at once, and a failure ends the process as an
 * unhandled rejection.
 *
 * @throws {Error} if the runtime has none of Node's builtins
 */
export function assertMailauth(who: string): void {
  if (loaded !== undefined) return;
  if (builtin('node:module') === undefined)
    throw new Error(
      `${who}: needs Node's builtin modules, which this runtime does not offer (on Cloudflare Workers: set the compatibility flag nodejs_compat)`,
    );
  if (!isInstalled()) void mailauth();
}

function isInstalled(): boolean {
  const { createRequire } = builtin('node:module') as {
    createRequire(from: string): { resolve(path: string): string };
  };
  try {
    createRequire(import.meta.url).resolve('mailauth/lib/spf/spf-verify.js');
    return true;
  } catch {
    return false;
  }
}
