/**
 * Limits how much each subpath may add to a user's bundle. A size covers all exports of the subpath, minified and
 * compressed with brotli, without Node's builtin modules and peer dependencies. It does not include mailauth, which is
 * loaded separately on demand. `test/package` checks which bundle contains what.
 *
 * Each limit is about 20 % above the size when it was last reviewed. If you raise one, explain in the commit message what
 * the added bytes are for.
 *
 * @module
 */
import { builtinModules } from 'node:module';
import { manifest, root, subpaths } from './subpaths.mjs';

/** @type {Readonly<Record<string, string>>} */
const limits = {
  postern: '92 kB',
  'postern/core': '7.2 kB',
  'postern/net': '60 kB',
  'postern/prefix-set': '12 kB',
  'postern/env': '1 kB',
  'postern/dns': '15 kB',
  'postern/message': '89 kB',
  'postern/smtp': '11.5 kB',
  'postern/access': '13.5 kB',
  'postern/checks/relay-control': '7 kB',
  'postern/checks/smtp-auth': '12 kB',
  'postern/checks/connection-limits': '61 kB',
  'postern/checks/reverse-dns': '54 kB',
  'postern/checks/dnsbl': '59 kB',
  'postern/checks/spf': '12.5 kB',
  'postern/checks/uribl': '58 kB',
  'postern/checks/mx-redundancy': '55 kB',
  'postern/checks/ip-blocklist': '30 kB',
  'postern/checks/encrypted-auth': '6 kB',
  'postern/checks/message-authentication': '61 kB',
  'postern/smtp-session': '102 kB',
  'postern/adapters/smtp-server': '119 kB',
  'postern/adapters/login-gate': '22.5 kB',
  'postern/analysis': '8 kB',
  'postern/explain': '9 kB',
  'postern/audit': '131 kB',
  'postern/adapters/memory': '16.5 kB',
  'postern/adapters/system': '1 kB',
  'postern/adapters/redis': '22 kB',
  'postern/adapters/lmdb': '14.5 kB',
  'postern/adapters/rate-limiter-flexible': '5 kB',
  'postern/adapters/list-sources': '31 kB',
  'postern/dns/node': '18 kB',
  'postern/dns/doh': '8 kB',
  'postern/testing': '107 kB',
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
