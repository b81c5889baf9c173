/**
 * Defines which room may import which. The floors, from bottom to top:
 *
 *     core  net  prefix-set  env
 *     smtp  access  dns  message  mailauth
 *     checks  session
 *     adapters  testing  audit  cli
 *
 * Imports only go down. `npm run architecture` reports violations; so does `test/architecture`, which also tests each
 * rule.
 *
 * @module
 */

/** Rooms on the top floor. All but `testing` may use Node's builtin modules. */
const leaves = 'adapters|testing|audit|cli';

/**
 * The file or room that imports each npm package. Only adapters may import other packages.
 *
 * @type {Readonly<Record<string, string>>}
 */
const doors = {
  'ip-address': '^src/net/ip-explanation[.]ts$',
  punycode: '^src/net/domain[.]ts$',
  tldts: '^src/net/registrable[.]ts$',
  mailauth: '^src/mailauth/modules[.]ts$',
  htmlparser2: '^src/message/',
  '@mongodb-js/saslprep': '^src/access/sasl/',
};

/** @param {string} name */
const installed = (name) => `node_modules/(@types/)?${name}/`;

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'core-net-env-stand-alone',
      comment: 'core, net and env import nothing of this package outside themselves.',
      severity: 'error',
      from: { path: '^src/(core|net|env)/' },
      to: { path: '^src/', pathNot: '^src/$1/' },
    },
    {
      name: 'prefix-set-imports-net-only',
      comment: 'Sets of prefixes are built on addresses: prefix-set imports net, and nothing else of ours.',
      severity: 'error',
      from: { path: '^src/prefix-set/' },
      to: { path: '^src/', pathNot: '^src/(prefix-set|net)/' },
    },
    {
      name: 'imports-go-down',
      comment: 'smtp, access, dns, message and mailauth import neither checks nor session, nor any room above them.',
      severity: 'error',
      from: { path: '^src/(smtp|access|dns|message|mailauth)/' },
      to: { path: `^src/(checks|session|${leaves})/` },
    },
    {
      name: 'checks-never-import-each-other',
      comment: 'Code that two checks share belongs in dns, net, message or smtp.',
      severity: 'error',
      from: { path: '^src/checks/([^/]+)/' },
      to: { path: '^src/checks/', pathNot: '^src/checks/$1/' },
    },
    {
      name: 'session-and-checks-stand-apart',
      comment: 'A session runs the checks of any policy, so it imports none; and no check imports the session.',
      severity: 'error',
      from: { path: '^src/(checks|session)/' },
      to: { path: '^src/(checks|session)/', pathNot: '^src/$1/' },
    },
    {
      name: 'checks-see-facts-only',
      comment:
        'A check imports no reply, policy or trace. It may import facts, smtp/client.ts (which address to trust), smtp/parts.ts (the parts of a policy that are not checks) and, for relay control, smtp/relay.ts (its mark).',
      severity: 'error',
      from: { path: '^src/checks/' },
      to: {
        path: '^src/(smtp|access)/',
        pathNot: '^src/(smtp|access)/facts[.]ts$|^src/smtp/(client|parts|relay)[.]ts$|^src/access/sasl/',
      },
    },
    {
      name: 'facts-are-types-to-checks',
      comment: 'Checks import facts as types.',
      severity: 'error',
      from: { path: '^src/checks/' },
      to: { path: '^src/(smtp|access)/facts[.]ts$|^src/smtp/parts[.]ts$', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'only-relay-control-bears-the-mark',
      comment: 'Only relay control imports smtp/relay.ts: no other check may allow relaying.',
      severity: 'error',
      from: { path: '^src/checks/', pathNot: '^src/checks/relay-control/' },
      to: { path: '^src/smtp/relay[.]ts$' },
    },
    {
      name: 'nothing-imports-a-leaf',
      comment: 'Only the top floor imports adapters, testing, audit and cli.',
      severity: 'error',
      from: { path: '^src/', pathNot: `^src/(${leaves})/` },
      to: { path: `^src/(${leaves})/` },
    },
    {
      name: 'leaves-in-order',
      comment: 'An adapter may import another adapter, but not testing, audit or cli.',
      severity: 'error',
      from: { path: '^src/adapters/' },
      to: { path: '^src/(testing|audit|cli)/' },
    },
    {
      name: 'testing-is-neutral',
      comment: 'testing runs in every runtime, so it may import only the neutral adapters.',
      severity: 'error',
      from: { path: '^src/testing/' },
      to: { path: '^src/(adapters|audit|cli)/', pathNot: '^src/adapters/memory/' },
    },
    {
      name: 'nothing-imports-cli',
      comment: 'Nothing imports the command.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/cli/' },
      to: { path: '^src/cli/' },
    },
    {
      name: 'builtins-in-leaves-only',
      comment: 'Builtins of Node belong to adapters, audit and cli.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(adapters|audit|cli)/' },
      to: { dependencyTypes: ['core'] },
    },
    ...Object.entries(doors).map(([name, door]) => ({
      name: `one-door-for-${name.replace(/^@.*[/]/, '')}`,
      comment: `Only files that match ${door} import ${name}.`,
      severity: /** @type {const} */ ('error'),
      from: { path: '^src/', pathNot: door },
      to: { path: installed(name) },
    })),
    {
      name: 'no-package-without-a-door',
      comment:
        'A package without an entry in .config/dependency-cruiser.mjs may be imported by adapters, audit and cli only.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(adapters|audit|cli)/' },
      to: { path: 'node_modules/', pathNot: Object.keys(doors).map(installed).join('|') },
    },
    {
      name: 'no-tool-in-the-package',
      comment: 'Published code imports dependencies and peers, never development dependencies.',
      severity: 'error',
      from: { path: '^src/' },
      to: {
        dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'],
        pathNot: 'node_modules/@types/',
        dependencyTypesNot: ['npm-peer', 'npm', 'type-only'],
      },
    },
    {
      name: 'no-circles',
      comment: 'Files that import each other in a circle cannot be understood alone.',
      severity: 'error',
      from: { path: '^src/' },
      to: { circular: true },
    },
    {
      name: 'rooms-are-entered-by-the-door',
      comment:
        'A room is entered through its index.ts. Checks enter smtp and access through facts.ts, smtp also through client.ts and parts.ts; relay control through relay.ts.',
      severity: 'error',
      from: { path: '^src/((?:checks|adapters)/[^/]+|[^/]+)/' },
      to: {
        path: '^src/(?:checks|adapters)/[^/]+/.|^src/(?!checks/|adapters/)[^/]+/.',
        pathNot:
          '^src/$1/|^src/(?:checks|adapters)/[^/]+/index[.]ts$|^src/[^/]+/index[.]ts$|^src/(smtp|access)/facts[.]ts$|^src/smtp/(client|parts|relay)[.]ts$|^src/access/sasl/index[.]ts$',
      },
    },
    {
      name: 'every-import-resolves',
      comment: 'Every import must resolve.',
      severity: 'error',
      from: { path: '^src/' },
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    detectJSDocImports: false,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['types', 'import', 'node', 'default'] },
  },
};
