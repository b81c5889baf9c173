import { packageVersion } from '../audit/index.ts';
import { didYouMean } from '../core/index.ts';
import { auditCommand } from './audit.ts';
import { checkCommand } from './check/index.ts';
import { type CommandIo, exitCodes, UsageError } from './io.ts';

const help = `postern: audits and checks mail servers

  postern audit <domain…>            audit the mail setup of a domain: MX hosts, logins, TLS, DNS records
  postern check ip <address>         check a client address: reverse DNS, DNS lists, block lists
  postern check sender <mailbox>     check a sender: SPF, HELO name, whether the domain accepts mail
  postern check message <file>       check a message: DKIM, DMARC, ARC, links
  postern help [command]             show help
  postern --version                  show the version

  postern audit example.org
  postern audit --dns-only --json example.org > report.json
  postern audit --diff report.json example.org

Run a command with --help for its options.
Exit status: 0 no problems, 1 problems found, 2 wrong usage, 3 some checks reached no result.
`;

const commands = ['audit', 'check', 'help'];

/** Runs a command and returns its exit status. Never rejects. */
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
          `unknown command ${JSON.stringify(command)}${didYouMean(command, commands)}\nSee postern --help.`,
        );
    }
  } catch (error) {
    if (io.signal?.aborted) return exitCodes.interrupted;
    if (error instanceof UsageError) {
      io.stderr(`postern: ${error.message}\n`);
      return exitCodes.usage;
    }
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    io.stderr(`postern: internal error: ${message}\n${stack ?? ''}\n`);
    return exitCodes.couldNotCheck;
  }
}
