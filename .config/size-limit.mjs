/**
 * How much each subpath may add to a user's bundle: minified, with brotli, all of its exports, builtins of Node and peers
 * left out. mailauth is loaded later and by itself, and not counted here; `test/package` sees to what stands in which bundle.
 *
 * A limit is some fifth above what it was when it was last looked at. To raise one, say in the commit what the octets are
 * for.
 *
 * @module
 */
import { builtinModules } from 'node:module';
import { manifest, root, subpaths } from './subpaths.mjs';

/** @type {Readonly<Record<string, string>>} */
const limits = {
  postern: '170 kB',
  'postern/core': '6.5 kB',
  'postern/net': '73 kB',
  'postern/prefix-set': '20 kB',
  'postern/env': '1 kB',
  'postern/dns': '22 kB',
  'postern/message': '105 kB',
  // Trace headers read domain names, so the suffix list of net comes with them.
  'postern/smtp': '20 kB',
  'postern/access': '12 kB',
  'postern/checks/relay-control': '9 kB',
  'postern/checks/smtp-auth': '20 kB',
  'postern/checks/connection-limits': '75 kB',
  'postern/checks/reverse-dns': '67 kB',
  'postern/checks/dnsbl': '72 kB',
  'postern/checks/spf': '21 kB',
  'postern/checks/uribl': '120 kB',
  'postern/checks/mx-redundancy': '68 kB',
  'postern/checks/ip-blocklist': '31 kB',
  'postern/checks/encrypted-auth': '16 kB',
  'postern/checks/message-authentication': '85 kB',
  'postern/smtp-session': '113 kB',
  'postern/adapters/smtp-server': '124 kB',
  'postern/adapters/login-gate': '29 kB',
  'postern/audit': '122 kB',
  'postern/adapters/memory': '27 kB',
  'postern/adapters/system': '1 kB',
  'postern/adapters/redis': '32 kB',
  'postern/adapters/lmdb': '32 kB',
  'postern/adapters/rate-limiter-flexible': '10 kB',
  'postern/adapters/list-sources': '40 kB',
  'postern/dns/node': '25 kB',
  'postern/dns/doh': '6 kB',
  'postern/testing': '150 kB',
};

const unlimited = subpaths.filter(({ name }) => !(name in limits)).map(({ name }) => name);
if (unlimited.length > 0) throw new Error(`.config/size-limit.mjs: no limit for ${unlimited.join(', ')}`);

export default subpaths.map(({ name, built }) => ({
  name,
  path: root + built,
  limit: limits[name],
  ignore: ['node:*', ...builtinModules, ...Object.keys(manifest.peerDependencies), 'mailauth'],
  modifyEsbuildConfig: (config) => ({ ...config, format: 'esm', platform: 'node', target: 'es2022' }),
}));
