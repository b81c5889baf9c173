import { probeNames, usualPorts } from '../audit/index.ts';

const services = Object.keys(usualPorts);

/** What `postern audit --help` says. */
export const auditHelp: string = `postern audit [options] <domain…>

Looks at a domain's mail as a stranger sees it, and says what is wrong, how bad it is, and how to mend it.
Audit what is yours to audit.

  postern audit example.org
  postern audit --dns-only --only mx,spf,dmarc example.org example.net
  postern audit --html --output report.html example.org
  postern audit --save last.json example.org
  postern audit --diff last.json --save last.json example.org
  postern audit --ports imap=1143,imaps=1993 --resolver 127.0.0.1:5353 --public 127.0.0.0/8 --ca ca.pem test.example

What is asked of whom
  the DNS            MX, and the addresses behind it; SPF, DKIM, DMARC, MTA-STS, TLS-RPT, SRV, TLSA, PTR,
                     CAA, and whether the answers are signed
  each MX host       a greeting, EHLO, STARTTLS, and whether it accepts mail for the postmaster and for a foreign
                     mailbox. It goes as far as DATA at most, and no message is sent
  login services     submission, IMAP, POP3, ManageSieve: what is offered before and after TLS; and, where that leaves
                     it open, a login of an account that does not exist
  mta-sts.<domain>   the policy, by HTTPS
Certificates and TLS versions are looked at wherever something answers. --dns-only asks the DNS, and connects to nobody.

What is looked at
  --only <probe,…>          some of: ${probeNames.slice(0, 8).join(', ')},
                            ${probeNames.slice(8).join(', ')}
  --dns-only                asks the DNS, and connects to nobody
  --ports <service=port,…>  looks for these services only: ${services.slice(0, 4).join(', ')},
                            ${services.slice(4).join(', ')}; or usual ports, like 143,993
  --smtp-port <port>        of the MX hosts; 25 where not given
  --https-port <port>       of the MTA-STS policy; 443 where not given
  --host <name>             also looks for login services there; may be given several times
  --dkim-selector <name>    looks at this key; may be given several times
  --list <zone>             looks the MX hosts up in this DNS list; may be given several times
  --minimum <n>             how many MX hosts there should be; 2 where not given
  --provider <suffix=name>  MX hosts below this name are redundant behind it; may be given several times
  --expiry-days <n>         how long before its end a certificate expires soon; 14 where not given
  --relay-to <mailbox>      the foreign mailbox that MX hosts are asked to relay to; no mail is sent there

How it is asked
  --resolver <server>       127.0.0.1:5353, tls://192.0.2.53#dns.example, https://…; may be given several times. It is
                            believed what it says of DNSSEC: name one that validates, over a line that you trust
  --zone <file>             a file of JSON that stands for the DNS: {"example.org": {"MX": [[10, "mx.example.org"]]}}
  --timeout <time>          for one step of a conversation: 30, 30s, 500ms; 30 s where not given
  --source <address>        connects from this address
  --helo <name>             is said in EHLO: the name of the host that this runs on
  --ca <file>               certificates (PEM) of authorities to trust too; may be given several times
  --public <prefix,…>       networks that count as public although they are not: 127.0.0.0/8
  --config <file>           options from a file of JSON, by the same names (dnsOnly, failOn, …); those given here win

What is printed
  --json --sarif --junit --prometheus --html
                            one of these instead of text
  --output <file>           writes it there
  --save <file>             writes the whole report there too, as JSON, for a later --diff
  --diff <report.json>      only what has changed since that report, by --save or --json; the exit status is of what is
                            new or worse
  --fail-on <severity>      critical, high, medium (where not given), low, info or never
  --no-color                no colours; nor are there any where NO_COLOR is set, or nobody watches
  --quiet                   no progress
  --list-findings           tells everything that can be found; with --json, as JSON
  --help                    tells this

Exit status
  0    nothing is wrong at or above --fail-on
  1    something is
  2    the command was called wrongly
  3    nothing is known to be wrong at or above --fail-on, and something could not be checked
  130  it was ended by Ctrl-C; nothing is printed
`;
