import { packageVersion } from '../audit/index.ts';
import { didYouMean } from '../core/index.ts';
import { auditCommand } from './audit.ts';
import { checkCommand } from './check/index.ts';
import { type CommandIo, exitCodes, UsageError } from './io.ts';

const help = `postern: is the gate of this mail server shut, and does mail still flow?

  postern audit <domain…>            looks at a domain's mail: MX hosts, logins, TLS, what it publishes
  postern check ip <address>         asks about a client's address
  postern check sender <address>     asks about a sender: SPF, HELO, whether the domain exists
  postern check message <file>       reads a message: DKIM, DMARC, ARC, links
  postern help [command]             says more
  postern --version

  postern audit example.org
  postern audit --dns-only --json example.org > report.json
  postern audit --diff report.json example.org

Each command tells its options with --help.
Exit status: 0 all is well, 1 something was found, 2 the command was called wrongly, 3 something could not be checked.
`;

const commands = ['audit', 'check', 'help'];

/** Runs the command. Never rejects; answers the exit status. */
export async function run(argv: readonly string[], io: CommandIo): Promise<number> {
  const [command, ...rest] = argv;
  try {
    switch (command) {
      case undefined:
        io.stderr(help);
        return exitCodes.usage;
      case 'help':
        if (rest[0] !== undefined && rest[0] !== 'help') return await run([...rest, '--help'], io);
        io.stdout(help);
        return exitCodes.clean;
      case '--help':
      case '-h':
        io.stdout(help);
        return exitCodes.clean;
      case '--version':
      case '-v':
        io.stdout(`${packageVersion()}\n`);
        return exitCodes.clean;
      case 'audit':
        return await auditCommand(rest, io);
      case 'check':
        return await checkCommand(rest, io);
      default:
        throw new UsageError(
          `there is no command ${JSON.stringify(command)}${didYouMean(command, commands)}\nSee postern --help.`,
        );
    }
  } catch (error) {
    if (io.signal?.aborted) return exitCodes.interrupted;
    if (error instanceof UsageError) {
      io.stderr(`postern: ${error.message}\n`);
      return exitCodes.usage;
    }
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    io.stderr(`postern: this should not have happened: ${message}\n${stack ?? ''}\n`);
    return exitCodes.couldNotCheck;
  }
}
