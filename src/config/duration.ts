/**
 * The two ways operators write a span of time: Go's (`1m30s`, what the Go ecosystem reads) and
 * Rust's humantime (`2days 1h`, what the agent reads). One grammar, two tables of units.
 */

/** Beyond this setTimeout fires at once, in every JavaScript runtime. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The same grammars for the JSON Schema, which has no code. */
export const GO_DURATION = "^(0|((\\d+\\.?\\d*|\\.\\d+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h))+)$";
const HUMANTIME_PAIR =
  "\\d+\\s*(nanos|nsec|ns|usec|us|millis|msec|ms|seconds?|secs?|s|minutes?|mins?|months?|m|M|hours?|hrs?|h|days?|d|weeks?|w|years?|y)";
export const HUMANTIME = `^${HUMANTIME_PAIR}(\\s*${HUMANTIME_PAIR})*$`;
export const EITHER_DURATION = `${GO_DURATION}|${HUMANTIME}`;

interface Grammar {
  /** Nanoseconds of each unit. */
  readonly units: Readonly<Record<string, number>>;
  /** Whether a count may have a fraction. */
  readonly fractions: boolean;
  /** Whether white space may stand between counts and units. */
  readonly spaces: boolean;
  readonly mostNs: number;
}

const SECOND_NS = 1e9;
const MINUTE_NS = 60 * SECOND_NS;
const HOUR_NS = 60 * MINUTE_NS;
const DAY_NS = 24 * HOUR_NS;

/** Both spellings of the micro sign are Go's own. */
const GO_UNITS = {
  ns: 1,
  us: 1e3,
  "\u00b5s": 1e3,
  "\u03bcs": 1e3,
  ms: 1e6,
  s: SECOND_NS,
  m: MINUTE_NS,
  h: HOUR_NS,
};

/**
 * What its parser reads in every version, which is more than docs.rs/humantime lists (`45mins`, `2hrs`). A month is
 * 30.44 days there, a year 365.25. Newer ones also read `wk`, `yr` and a bare 0, which an older agent would refuse.
 */
const HUMANTIME_UNITS = {
  nanos: 1,
  nsec: 1,
  ns: 1,
  usec: 1e3,
  us: 1e3,
  millis: 1e6,
  msec: 1e6,
  ms: 1e6,
  seconds: SECOND_NS,
  second: SECOND_NS,
  secs: SECOND_NS,
  sec: SECOND_NS,
  s: SECOND_NS,
  minutes: MINUTE_NS,
  minute: MINUTE_NS,
  mins: MINUTE_NS,
  min: MINUTE_NS,
  m: MINUTE_NS,
  hours: HOUR_NS,
  hour: HOUR_NS,
  hrs: HOUR_NS,
  hr: HOUR_NS,
  h: HOUR_NS,
  days: DAY_NS,
  day: DAY_NS,
  d: DAY_NS,
  weeks: 7 * DAY_NS,
  week: 7 * DAY_NS,
  w: 7 * DAY_NS,
  months: 30.44 * DAY_NS,
  month: 30.44 * DAY_NS,
  M: 30.44 * DAY_NS,
  years: 365.25 * DAY_NS,
  year: 365.25 * DAY_NS,
  y: 365.25 * DAY_NS,
};

const GO: Grammar = {
  units: GO_UNITS,
  fractions: true,
  spaces: false,
  // Go counts nanoseconds in an int64.
  mostNs: 2 ** 63,
};

const RUST: Grammar = {
  units: HUMANTIME_UNITS,
  fractions: false,
  spaces: true,
  // humantime counts whole seconds in a u64.
  mostNs: 2 ** 64 * SECOND_NS,
};

/** Milliseconds, possibly a fraction of one; null when Go's time.ParseDuration would refuse it, or for a sign. */
export function parseGoDuration(text: string): number | null {
  return text === "0" ? 0 : parse(text, GO);
}

/** Milliseconds; null for what humantime refuses: a bare number, a fraction, a sign. */
export function parseHumantime(text: string): number | null {
  return parse(text, RUST);
}

/** For the settings that are ours alone: either way of writing will do. */
export function parseDuration(text: string): number | null {
  return parseGoDuration(text) ?? parseHumantime(text);
}

/** Without regular expressions: they cost every start 0.2 MB of private memory. */
function parse(text: string, { units, fractions, spaces, mostNs }: Grammar): number | null {
  let ns = 0;
  let at = 0;
  const takeWhile = (wanted: (char: string) => boolean) => {
    const from = at;
    while (at < text.length && wanted(text.charAt(at))) at++;
    return text.slice(from, at);
  };
  do {
    if (spaces && at > 0) takeWhile(isSpace);
    const count = takeWhile((char) => isDigit(char) || (fractions && char === "."));
    if (spaces) takeWhile(isSpace);
    const unit = takeWhile((char) => !isDigit(char) && char !== "." && !isSpace(char));
    // "." and "1.2.3" are no numbers; "1." and ".5" are, in Go.
    if (count === "" || Number.isNaN(Number(count)) || !Object.hasOwn(units, unit)) return null;
    ns += Number(count) * (units[unit] ?? 0);
  } while (at < text.length);
  return ns < mostNs ? ns / 1e6 : null;
}

function isDigit(char: string): boolean {
  return char >= "0" && char <= "9";
}

function isSpace(char: string): boolean {
  return char.trim() === "";
}
