/** A form of a recipient address that asks a server to relay. */
export interface AddressForm {
  readonly name: string;
  /** As written in RCPT TO, with its angle brackets. */
  readonly path: string;
}

/**
 * Returns the address forms with which senders have tried to relay. Most are older than SMTP, and each has opened some
 * server.
 *
 * @param local a domain that the server is responsible for
 * @param foreign a domain that the server is not responsible for
 * @param literal the server's own address as a literal (`[192.0.2.25]`)
 */
export function relayForms(local: string, foreign: string, literal: string = '[127.0.0.1]'): AddressForm[] {
  const forms: readonly (readonly [string, string])[] = [
    ['plain', `user@${foreign}`],
    ['upper case', `USER@${foreign.toUpperCase()}`],
    ['trailing dot', `user@${foreign}.`],
    ['no brackets', `user@${foreign}`],
    ['percent hack', `user%${foreign}@${local}`],
    ['percent hack, twice', `user%${foreign}%${local}@${local}`],
    ['percent hack, quoted', `"user%${foreign}"@${local}`],
    ['percent hack, no domain', `user%${foreign}`],
    ['percent hack, full width', `user％${foreign}@${local}`],
    ['percent hack to a literal', `user%${foreign}@${literal}`],
    ['percent hack to localhost', `user%${foreign}@localhost`],
    ['bang path', `${foreign}!user@${local}`],
    ['bang path, quoted', `"${foreign}!user"@${local}`],
    ['bang path, no domain', `${foreign}!user`],
    ['bang path, two hops', `${local}!${foreign}!user@${local}`],
    ['bang path to a literal', `${foreign}!user@${literal}`],
    ['bang and percent', `${foreign}!user%third.example@${local}`],
    ['second @', `user@${foreign}@${local}`],
    ['second @, quoted', `"user@${foreign}"@${local}`],
    ['second @, escaped', `user\\@${foreign}@${local}`],
    ['second @, quoted pair', `"user\\@${foreign}"@${local}`],
    ['second @, full width', `user＠${foreign}@${local}`],
    ['second @ to a literal', `"user@${foreign}"@${literal}`],
    ['quoted whole, no domain', `"user@${foreign}"`],
    ['source route', `@${local}:user@${foreign}`],
    ['source route, two hops', `@${local},@third.example:user@${foreign}`],
    ['source route to a literal', `@${literal}:user@${foreign}`],
    ['source route, quoted', `"@${local}:user"@${foreign}`],
    ['source route in the local part', `"@${foreign}:user"@${local}`],
    ['source route, percent hack', `@${local}:user%${foreign}@${local}`],
    ['local name inside a foreign one', `user@${local}.${foreign}`],
    ['foreign name that ends as the local one', `user@x${local}`],
    ['foreign name that begins as the local one', `user@${local}x`],
    ['two dots', `user@${foreign}..`],
    ['space before the domain', `user@${local} @${foreign}`],
    ['space inside the quotes', `"user@${foreign} "@${local}`],
    ['NUL', `user@${foreign}\0@${local}`],
    ['line break', `user@${local}\r\nRCPT TO:<user@${foreign}>`],
    ['tab', `user@${foreign}\t@${local}`],
    ['comma', `user@${local},user@${foreign}`],
    ['semicolon', `user@${local};user@${foreign}`],
    ['pipe', `|user@${foreign}`],
    ['comment', `user(@${local})@${foreign}`],
    ['UUCP domain', `user@${foreign}.uucp`],
    ['foreign literal', 'user@[203.0.113.77]'],
    ['foreign IPv6 literal', 'user@[IPv6:2001:db8:f::77]'],
  ];
  return forms.map(([name, path]) => ({ name, path: name === 'no brackets' ? path : `<${path}>` }));
}
