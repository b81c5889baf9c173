/** What `--help` says. */

const common: string = `Where answers come from
  --resolver <server>       127.0.0.1:5353, tls://192.0.2.53#dns.example, https://...; may be given several times.
                            Those of /etc/resolv.conf where not given
  --zone <file>             a file of JSON that stands for the DNS: {"example.org": {"A": ["192.0.2.1"]}}
  --timeout <time>          for everything: 30, 30s, 500ms; 30 s where not given. What is not known by then could not
                            be checked

What is printed
  --json --sarif --junit --prometheus --html
                            one of these instead of text
  --output <file>           writes it there
  --fail-on <severity>      critical, high, medium (where not given), low, info or never
  --no-color                no colours

Exit status: 0 nothing at or above --fail-on, 1 something, 2 the command was called wrongly, 3 something could not be
checked, and nothing was found.
`;

export const help: { readonly [command in 'check' | 'ip' | 'sender' | 'message']: string } = {
  check: `postern check <ip | sender | message> [options] <subject>

Runs the checks by hand, and says what they found and why. Nobody but the DNS is asked, and no mail is sent.

  postern check ip <address>         who is this client?
  postern check sender <mailbox>     may this sender be believed?
  postern check message <file>       what does this message show of itself?

Each tells its own options with --help.

  postern check ip --list zen.dnsbl.example=ZEN 192.0.2.1
  postern check sender --ip 192.0.2.1 --helo mx.example.org a@example.org
  postern check message --ip 192.0.2.1 --from a@example.org - < message.eml

${common}`,

  ip: `postern check ip [options] <address>

Who is this client? Asks for its reverse DNS name and whether that leads back to it, and looks it up in lists that you
name.

What is looked at
  --list <zone[=label]>     a DNS list; may be given several times. No list is asked that is not named. The label is
                            what the report calls it; the zone where not given
  --blocklist <file>        a file of addresses and prefixes; may be given several times
  --blocklist-format <name> plain where not given; range, spamhaus-drop, spamhaus-drop-json, netset, hosts,
                            postfix-cidr, postfix-mynetworks, fail2ban, ipset, nftables, csv, p2p, dat, dshield or
                            rbldnsd

${common}
  postern check ip --list zen.dnsbl.example=ZEN --blocklist blocked.txt 192.0.2.1
`,

  sender: `postern check sender [options] <mailbox>

May this sender be believed? Asks whether an answer could be delivered to its domain, what SPF says of the client (for
the mailbox, and for the HELO name), and whether the HELO name belongs to the client. "<>" is the null reverse-path.

What is known
  --ip <address>            the client; without it SPF is not asked
  --helo <name>             what the client says in EHLO
  --public <prefix>         a network that counts as public although it is not: 127.0.0.0/8; may be given several times

${common}
  postern check sender --ip 192.0.2.1 --helo mx.example.org a@example.org
`,

  message: `postern check message [options] <file>

What does this message show of itself? Verifies DKIM signatures, its ARC seals and DMARC, and tells its parts and
links. The file is the message as a server took it: header, empty line, body; "-" is what comes in.

What is known
  --ip <address>            the client that it came from: then SPF can vouch for the author too
  --helo <name>             what the client said in EHLO
  --from <mailbox>          the reverse-path; "<>" is the null one
  --uri-list <zone[=label]> a list of names to look the links up in; may be given several times
  --trusted-sealer <domain> whose ARC seals are believed; may be given several times

${common}
  postern check message --ip 192.0.2.1 --from a@example.org --uri-list multi.uri.example=Multi message.eml
`,
};
