/** Whose the address is, for a server that looks no further than behind the last @. */
export type Outer = 'foreign' | 'local' | 'host' | 'literal' | 'localhost' | 'none';

/** One way of asking a server to send mail on to a foreign mailbox. */
export interface RelayForm {
  readonly name: string;
  /** As it stands in RCPT TO, with its angle brackets. */
  readonly path: string;
  readonly outer: Outer;
}

/** What the forms are made of. */
export interface RelayNames {
  /** A domain whose mail ends at the server. */
  readonly local: string;
  /** The server's own name. */
  readonly host: string;
  /** The foreign mailbox. */
  readonly localPart: string;
  readonly foreign: string;
  /** The server's own address, as a literal: `[192.0.2.25]`. */
  readonly literal: string;
}

/** The address as it is asked for; tried with every sender. */
export const plainForm = ({ localPart, foreign }: RelayNames): RelayForm => ({
  name: 'plain',
  path: `<${localPart}@${foreign}>`,
  outer: 'foreign',
});

/**
 * The other ways, the ones that have opened most servers first: with `plain`, the first twelve are the thirteen traps of
 * relay control; the rest are their kin.
 */
export function routedForms({ local, host, localPart: user, foreign, literal }: RelayNames): readonly RelayForm[] {
  const forms: readonly (readonly [string, string, Outer])[] = [
    ['percent hack', `${user}%${foreign}@${local}`, 'local'],
    ['bang path', `${foreign}!${user}@${local}`, 'local'],
    ['source route', `@${local}:${user}@${foreign}`, 'foreign'],
    ['second @, quoted', `"${user}@${foreign}"@${local}`, 'local'],
    ['second @', `${user}@${foreign}@${local}`, 'local'],
    ['percent hack to a literal', `${user}%${foreign}@${literal}`, 'literal'],
    ['quoted whole, no domain', `"${user}@${foreign}"`, 'none'],
    ['percent hack, quoted', `"${user}%${foreign}"@${local}`, 'local'],
    ['second @, quoted pair', `"${user}\\@${foreign}"@${local}`, 'local'],
    ['trailing dot', `${user}@${foreign}.`, 'foreign'],
    ['bang path, quoted', `"${foreign}!${user}"@${local}`, 'local'],
    ['percent hack, no domain', `${user}%${foreign}`, 'none'],
    ['bang path, no domain', `${foreign}!${user}`, 'none'],
    ['second @ to a literal', `"${user}@${foreign}"@${literal}`, 'literal'],
    ['percent hack to localhost', `${user}%${foreign}@localhost`, 'localhost'],
    ['bang path to a literal', `${foreign}!${user}@${literal}`, 'literal'],
    ['source route to a literal', `@${literal}:${user}@${foreign}`, 'foreign'],
    ['source route in the local part', `"@${foreign}:${user}"@${local}`, 'local'],
    ['upper case', `${user.toUpperCase()}@${foreign.toUpperCase()}`, 'foreign'],
    ['percent hack to the host', `${user}%${foreign}@${host}`, 'host'],
    ['bang path to the host', `${foreign}!${user}@${host}`, 'host'],
    ['second @ to the host', `"${user}@${foreign}"@${host}`, 'host'],
    ['source route by the host', `@${host}:${user}@${foreign}`, 'foreign'],
    ['second @ to a literal, bare', `${user}@${foreign}@${literal}`, 'literal'],
  ];
  // A domain may be its own MX host.
  const own = forms.filter(([, path], at) => forms.findIndex(([, other]) => other === path) === at);
  return own.map(([name, path, outer]) => ({ name, path: `<${path}>`, outer }));
}

/** A mailbox that does not exist, with the same end as the forms of that kind. */
export function controlForm(outer: Exclude<Outer, 'foreign'>, random: string, names: RelayNames): RelayForm {
  const end = {
    local: `@${names.local}`,
    host: `@${names.host}`,
    literal: `@${names.literal}`,
    localhost: '@localhost',
    none: '',
  }[outer];
  return { name: `control, ${outer}`, path: `<${random}${end}>`, outer };
}
