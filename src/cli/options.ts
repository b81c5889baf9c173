import { type ParseArgsConfig, parseArgs } from 'node:util';
import { didYouMean } from '../core/index.ts';
import { UsageError } from './io.ts';

/** What `node:util` is told of the options of a command. */
export type Options = NonNullable<ParseArgsConfig['options']>;

/** What was given, by the option's name without the hyphens before it. */
export type Values = { readonly [name: string]: string | boolean | readonly (string | boolean)[] | undefined };

/** An option with a text, one that may be given several times, and one that stands for itself. */
export const one = { type: 'string' } as const;
export const several = { type: 'string', multiple: true } as const;
export const flag = { type: 'boolean' } as const;

/** What every command that asks and reports can be told. */
export const commonOptions: Options = {
  resolver: several,
  zone: one,
  timeout: one,
  json: flag,
  sarif: flag,
  junit: flag,
  prometheus: flag,
  html: flag,
  output: one,
  'fail-on': one,
  'no-color': flag,
  help: { type: 'boolean', short: 'h' },
};

/** Reads options and words. @throws UsageError that names the option, and the one that was probably meant */
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
      return wrong(`there is no option ${name}${didYouMean(bare, Object.keys(options), '--')}`);
    if (code !== 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE') throw error;
    return wrong(
      options[bare]?.type === 'string'
        ? `${name} lacks its value: write ${name}=<value>`
        : `${name} takes no value${'output' in options ? '; --output <file> says where it is written' : ''}`,
    );
  }
}

/** An option without its text is a mistake, of a script's variable most often. @throws UsageError */
export function refuseEmpty(values: Values, command: string): void {
  for (const [name, value] of Object.entries(values))
    if (([] as unknown[]).concat(value).some((one) => typeof one === 'string' && /^[\s,]*$/.test(one)))
      throw new UsageError(`--${name} is empty\nSee ${command} --help.`);
}

/** A flag's text; undefined where it was not given. */
export const textOf = (values: Values, name: string): string | undefined => {
  const value = values[name];
  return typeof value === 'string' ? value : undefined;
};

/** All texts of an option that may be given several times; undefined where it was not given. */
export function textsOf(values: Values, name: string): readonly string[] | undefined {
  const value = values[name];
  if (value === undefined || typeof value === 'boolean') return undefined;
  return (typeof value === 'string' ? [value] : value).map(String);
}

/** The same, with commas between several. */
export const wordsOf = (values: Values, name: string): readonly string[] | undefined =>
  textsOf(values, name)
    ?.flatMap((one) => one.split(','))
    .map((one) => one.trim())
    .filter((one) => one !== '');

/** A whole number. @throws UsageError */
export function numberOf(values: Values, name: string, least: number, most: number): number | undefined {
  const text = textOf(values, name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || value > most)
    throw new UsageError(`--${name} ${JSON.stringify(text)} must be a whole number from ${least} to ${most}`);
  return value;
}

/** A time: "30", "30s", "500ms", "2m"; in milliseconds. @throws UsageError */
export function durationOf(values: Values, name: string): number | undefined {
  const text = textOf(values, name);
  if (text === undefined) return undefined;
  const match = /^(\d+(?:\.\d+)?)(ms|s|m)?$/.exec(text);
  const unit = match?.[2] === 'ms' ? 1 : match?.[2] === 'm' ? 60_000 : 1_000;
  const ms = Math.round(Number(match?.[1] ?? 0) * unit);
  if (match === null || ms < 1 || ms > 600_000)
    throw new UsageError(
      `--${name} ${JSON.stringify(text)} must be a time like 30, 30s or 500ms, of ten minutes at most`,
    );
  return ms;
}
