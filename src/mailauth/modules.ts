/**
 * The modules of mailauth, imported in an order that matters: between the first line and the last one it finds the globals that it needs.
 *
 * They are one module of ours, since a bundler that splits moves what two modules share into a chunk that is evaluated before both.
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

/** The modules of mailauth, by what they do. The rooms that use them know their shapes. */
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
