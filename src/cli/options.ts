import { parseArgs } from 'node:util';
import { wrapWords } from '../audit/index.ts';
import { didYouMean } from '../core/index.ts';
import { UsageError, wrongValue } from './io.ts';

/** An option of a command. `node:util` reads `type`, `multiple` and `short`; the help reads `value` and `help`. */
export interface Option {
  readonly type: 'string' | 'boolean';
  readonly multiple?: boolean;
  readonly short?: string;
  /** Placeholder for the value: `<file>`. */
  readonly value?: string;
  readonly help: string;
}

/** Options by name, without the leading hyphens. */
export interface Options {
  readonly [name: string]: Option;
}

/** Given values by option name. */
export interface Values {
  readonly [name: string]: string | boolean | readonly (string | boolean)[] | undefined;
}

/** Defines an option with a value. */
export const one = (value: string, help: string): Option => ({ type: 'string', value, help });
/** Defines an option that may be repeated. */
export const several = (value: string, help: string): Option => ({ ...one(value, help), multiple: true });
/** Defines an option without a value. */
export const flag = (help: string): Option => ({ type: 'boolean', help });

/** Options for the DNS. `limits` says what `--timeout` limits. */
export const dnsOptions = (limits: string): Options => ({
  resolver: several(
    '<server>',
    'resolver: 127.0.0.1:5353, tls://192.0.2.53#dns.example, https://…/dns-query. Default: those of /etc/resolv.conf',
  ),
  zone: one('<file>', 'JSON file that replaces the DNS: {"example.org": {"MX": [[10, "mx.example.org"]]}}'),
  timeout: one('<time>', `timeout of ${limits}: 30, 30s or 500ms. Default: 30s`),
});

/** Options for the report. */
export const outputOptions: Options = {
  json: flag('print the report as JSON'),
  sarif: flag('print SARIF 2.1.0'),
  junit: flag('print JUnit XML'),
  prometheus: flag('print Prometheus metrics'),
  html: flag('print an HTML page'),
  output: one('<file>', 'write to a file instead of standard output'),
  'fail-on': one(
    '<severity>',
    'lowest severity that gives exit status 1: critical, high, medium, low, info or never. Default: medium',
  ),
  'no-color': flag('print no colours. Default if NO_COLOR is set or the output is not a terminal'),
  help: { type: 'boolean', short: 'h', help: 'show this help' },
};

/** Column of the help texts, and width of the page. */
const HELP_COLUMN = 28;
const HELP_WIDTH = 118;

/** Prints the help of options, group by group. */
export const optionHelp = (groups: { readonly [heading: string]: Options }): string =>
  Object.entries(groups)
    .map(([heading, options]) => `${heading}\n${Object.entries(options).map(helpLines).join('')}`)
    .join('\n');

function helpLines([name, { value, multiple, short, help }]: [string, Option]): string {
  const label = `  ${short === undefined ? '' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`;
  const [first = '', ...more] = wrapWords(
    `${help}${multiple === true ? ' (repeatable)' : ''}`,
    HELP_WIDTH - HELP_COLUMN,
  );
  return [`${label.padEnd(HELP_COLUMN - 1)} ${first}`, ...more.map((line) => ' '.repeat(HELP_COLUMN) + line), ''].join(
    '\n',
  );
}

/** Reads the command line. @throws {UsageError} if an option is unknown or lacks its value */
export function readArguments(
  argv: readonly string[],
  options: Options,
  command: string,
): { readonly values: Values; readonly words: readonly string[] } {
  const wrong = (what: string): never => {
    throw new UsageError(`${what}\nSee ${command} --help.`);
  };
  try {
    const { values, positionals } = parseArgs({ args: [...argv], options, allowPositionals: true, strict: true });
    return { values: values as Values, words: positionals };
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException;
    const name = /'(?:-\w, )?(--?[^' =]*)/.exec(message)?.[1] ?? '';
    const bare = name.replace(/^-+/, '');
    if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION')
      return wrong(`unknown option ${name}${didYouMean(bare, Object.keys(options), '--')}`);
    if (code !== 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE') throw error;
    return wrong(
      options[bare]?.type === 'string'
        ? `${name} needs a value: ${name}=<value>`
        : `${name} takes no value${'output' in options ? '; use --output <file> to write to a file' : ''}`,
    );
  }
}

/** Refuses empty values, which usually come from an unset variable in a script. @throws {UsageError} */
export function refuseEmpty(values: Values, command: string): void {
  for (const [name, value] of Object.entries(values))
    if (([] as unknown[]).concat(value).some((one) => typeof one === 'string' && /^[\s,]*$/.test(one)))
      throw new UsageError(`--${name} must not be empty\nSee ${command} --help.`);
}

/** Returns the value of an option. */
export const textOf = (values: Values, name: string): string | undefined => {
  const value = values[name];
  return typeof value === 'string' ? value : undefined;
};

/** Returns all values of a repeatable option. */
export function textsOf(values: Values, name: string): readonly string[] | undefined {
  const value = values[name];
  if (value === undefined || typeof value === 'boolean') return undefined;
  return (typeof value === 'string' ? [value] : value).map(String);
}

/** Returns all values of a repeatable option, split at commas. */
export const wordsOf = (values: Values, name: string): readonly string[] | undefined =>
  textsOf(values, name)
    ?.flatMap((one) => one.split(','))
    .map((one) => one.trim())
    .filter((one) => one !== '');

/** Returns a whole number. @throws {UsageError} if it is not one or out of range */
export function numberOf(values: Values, name: string, least: number, most: number): number | undefined {
  const text = textOf(values, name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || value > most)
    throw wrongValue(`--${name}`, `a whole number from ${least} to ${most}`, text);
  return value;
}

/** Returns a time ("30", "30s", "500ms", "2m") in milliseconds. @throws {UsageError} if it is not one */
export function durationOf(values: Values, name: string): number | undefined {
  const text = textOf(values, name);
  if (text === undefined) return undefined;
  const match = /^(\d+(?:\.\d+)?)(ms|s|m)?$/.exec(text);
  const unit = match?.[2] === 'ms' ? 1 : match?.[2] === 'm' ? 60_000 : 1_000;
  const ms = Math.round(Number(match?.[1] ?? 0) * unit);
  if (match === null || ms < 1 || ms > 600_000)
    throw wrongValue(`--${name}`, 'a time like 30, 30s or 500ms, at most 10 minutes', text);
  return ms;
}
