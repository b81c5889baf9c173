/** Owner of the part after the last @. */
export type Outer = 'foreign' | 'local' | 'host' | 'literal' | 'localhost' | 'none';

/** One form of the address of a foreign mailbox. */
export interface RelayForm {
  readonly name: string;
  /** The path in RCPT TO, with angle brackets. */
  readonly path: string;
  readonly outer: Outer;
}

/** Names used in the forms. */
export interface RelayNames {
  /** A domain whose mail the server receives. */
  readonly local: string;
  /** The host name of the server. */
  readonly host: string;
  /** Local part of the foreign mailbox. */
  readonly localPart: string;
  /** Domain of the foreign mailbox. */
  readonly foreign: string;
  /** The address of the server as a literal: `[192.0.2.25]`. */
  readonly literal: string;
}

/** Returns the plain form, which is tried with every sender. */
export const plainForm = ({ localPart, foreign }: RelayNames): RelayForm => ({
  name: 'plain',
  path: `<${localPart}@${foreign}>`,
  outer: 'foreign',
});

/**
 * Returns the other forms, the most effective ones first. `plain` and the first twelve are the thirteen forms that
 * `checks/relay-control` rejects.
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
  // If the domain is its own MX host, some forms are equal.
  const own = forms.filter(([, path], at) => forms.findIndex(([, other]) => other === path) === at);
  return own.map(([name, path, outer]) => ({ name, path: `<${path}>`, outer }));
}

/** Returns a nonexistent mailbox with the same part after the last @. */
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
