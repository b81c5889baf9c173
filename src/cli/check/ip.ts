import { evidenceOf } from '../../audit/index.ts';
import type { ListFormat } from '../../checks/ip-blocklist/index.ts';
import { reverseDns } from '../../checks/reverse-dns/index.ts';
import type { IpAddress } from '../../net/index.ts';
import { addressScope, reverseName } from '../../net/index.ts';
import { found } from './catalogue.ts';
import type { CheckEnv, Looked } from './env.ts';
import type { ListFile, NamedZone } from './lists.ts';
import { lookInFile, lookOnList } from './lists.ts';

/** What `postern check ip` asks for. */
export interface IpQuestion {
  readonly ip: IpAddress;
  readonly lists: readonly NamedZone[];
  readonly files: readonly ListFile[];
  readonly format: ListFormat;
}

/** Everything that is known of a client by its address alone. */
export async function checkIp({ ip, lists, files, format }: IpQuestion, env: CheckEnv): Promise<readonly Looked[]> {
  return Promise.all([
    scopeOf(ip),
    reverse(ip, env),
    ...lists.map((list) => lookOnList(ip, list, env)),
    ...files.map((file) => lookInFile(ip, file, format, env)),
  ]);
}

function scopeOf(ip: IpAddress): Looked {
  const scope = addressScope(ip);
  const reason =
    scope === 'public' ? `${ip} is a public address.` : `${ip} is a ${scope} address: the Internet never sees it.`;
  return {
    answers: [{ check: 'ip', subject: ip, result: 'info', reason, evidence: [], source: 'RFC 6890 §2.2' }],
    findings: scope === 'public' ? [] : [found('ip-not-public', ip, reason)],
  };
}

async function reverse(ip: IpAddress, env: CheckEnv): Promise<Looked> {
  const { result, detail, explanation } = await reverseDns().examine({ client: { ip } }, env, env.signal);
  const asked = `${reverseName(ip)} PTR`;
  const evidence = [
    ...(detail === undefined ? [] : detail.names.length === 0 ? [`${asked}: ${detail.reason ?? 'none'}`] : []),
    ...(detail?.names ?? []).map(
      ({ name, state, addresses }) =>
        `${asked} ${name}: ${state}${addresses === undefined ? '' : ` (${addresses.join(', ')})`}`,
    ),
    ...(detail?.generic !== undefined && detail.generic.signs.length > 0
      ? [`${detail.generic.name} looks generic: ${detail.generic.signs.join(', ')}`]
      : []),
  ];
  const answer = { check: 'iprev', subject: ip, result, evidence: evidenceOf(evidence), source: 'RFC 8601 §3' };
  const names = detail?.confirmed.join(', ') ?? '';
  const reason =
    result === 'pass'
      ? `${ip} is ${names}, which leads back to it.`
      : result === 'none'
        ? `${ip} is an address whose names the world cannot confirm.`
        : `${explanation ?? result}.`;
  const finding = {
    fail: 'iprev-unconfirmed',
    permerror: 'iprev-missing',
    softfail: 'iprev-generic',
    temperror: 'iprev-unknown',
  } as const;
  return {
    answers: [{ ...answer, reason }],
    findings: result === 'pass' || result === 'none' ? [] : [found(finding[result], ip, reason, evidence)],
  };
}
