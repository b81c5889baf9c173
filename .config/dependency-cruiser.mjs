/**
 * Which room may import what. The floors, from below:
 *
 *     core  net  env
 *     smtp  access  dns  message  mailauth
 *     checks  session
 *     adapters  testing  audit  cli
 *
 * Every import goes down. `npm run architecture` says what breaks this; `test/architecture` does so in `npm test`, and
 * shows that each rule catches what it is there for.
 *
 * @module
 */

/** Rooms that run in every runtime: no builtin of Node has a name there. */
const leaves = 'adapters|testing|audit|cli';

/**
 * One door per npm package. What is not in this table may be imported by an adapter only.
 *
 * @type {Readonly<Record<string, string>>}
 */
const doors = {
  'ip-address': '^src/net/ip[.]ts$',
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
      comment: 'core, net and env import nothing of ours outside themselves.',
      severity: 'error',
      from: { path: '^src/(core|net|env)/' },
      to: { path: '^src/', pathNot: '^src/$1/' },
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
      comment: 'What two checks share lives in dns, net or message, or is not shared yet.',
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
        'A check says what is so; it never sees a reply, a policy or a trace. smtp/client.ts says whom to trust by its address; smtp/parts.ts is what a room may make for a policy beside checks; smtp/relay.ts is the mark that relay control bears.',
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
      comment: 'smtp/relay.ts is for relay control: no other check may grant relaying.',
      severity: 'error',
      from: { path: '^src/checks/', pathNot: '^src/checks/relay-control/' },
      to: { path: '^src/smtp/relay[.]ts$' },
    },
    {
      name: 'nothing-imports-a-leaf',
      comment: 'Nothing imports adapters, testing, audit or cli, but another leaf.',
      severity: 'error',
      from: { path: '^src/', pathNot: `^src/(${leaves})/` },
      to: { path: `^src/(${leaves})/` },
    },
    {
      name: 'leaves-in-order',
      comment:
        'An adapter imports at most what it adapts: another adapter. Nothing imports cli; audit is imported by cli.',
      severity: 'error',
      from: { path: '^src/adapters/' },
      to: { path: '^src/(testing|audit|cli)/' },
    },
    {
      name: 'testing-is-neutral',
      comment: 'What is published for tests runs in every runtime: of the adapters it may use the neutral ones.',
      severity: 'error',
      from: { path: '^src/testing/' },
      to: { path: '^src/(adapters|audit|cli)/', pathNot: '^src/adapters/memory/' },
    },
    {
      name: 'nothing-imports-cli',
      comment: 'The command is the last leaf.',
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
      comment: `${name} is imported where ${door} matches, and nowhere else.`,
      severity: /** @type {const} */ ('error'),
      from: { path: '^src/', pathNot: door },
      to: { path: installed(name) },
    })),
    {
      name: 'no-package-without-a-door',
      comment:
        'A package that has no door in .config/dependency-cruiser.mjs may be imported by an adapter or the command only.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(adapters|audit|cli)/' },
      to: { path: 'node_modules/', pathNot: Object.keys(doors).map(installed).join('|') },
    },
    {
      name: 'no-tool-in-the-package',
      comment: 'What is published imports dependencies and peers, never what only its making needs.',
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
      comment: 'Whoever imports in a circle cannot be understood alone.',
      severity: 'error',
      from: { path: '^src/' },
      to: { circular: true },
    },
    {
      name: 'rooms-are-entered-by-the-door',
      comment:
        'A room is entered by its index.ts; checks enter smtp and access by facts.ts, smtp also by client.ts and parts.ts, and relay control by relay.ts.',
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
      comment: 'An import that leads nowhere.',
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
