/**
 * Imports the modules of mailauth (ADR 22). The order matters: mailauth needs the globals that exist between the first import and
 * the last.
 *
 * All imports are in one module, since a splitting bundler moves shared modules into a chunk that is evaluated first.
 *
 * @module
 */
import './before.ts';
import arc from 'mailauth/lib/arc/index.js';
import dkimBody from 'mailauth/lib/dkim/body/simple.js';
import dkimVerifier from 'mailauth/lib/dkim/dkim-verifier.js';
import dmarc from 'mailauth/lib/dmarc/index.js';
import dkimTags from 'mailauth/lib/parse-dkim-headers.js';
import spfMacro from 'mailauth/lib/spf/macro.js';
import spfVerify from 'mailauth/lib/spf/spf-verify.js';
import spfSyntax from 'mailauth/lib/spf/syntax.js';
import tools from 'mailauth/lib/tools.js';
import './after.ts';

/** The modules of mailauth by purpose. The rooms that use them declare their types. */
export interface MailauthModules {
  readonly spfVerify: unknown;
  readonly spfMacro: unknown;
  readonly spfSyntax: unknown;
  readonly dkimVerifier: unknown;
  readonly dkimBody: unknown;
  readonly dkimTags: unknown;
  readonly tools: unknown;
  readonly dmarc: unknown;
  readonly arc: unknown;
}

export const modules: MailauthModules = {
  spfVerify,
  spfMacro,
  spfSyntax,
  dkimVerifier,
  dkimBody,
  dkimTags,
  tools,
  dmarc,
  arc,
};
