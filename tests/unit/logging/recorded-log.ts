/** A log that is kept, for tests that look at what was said. */
import type { Fields, Logger, LogLevel } from "../../../src/logging/logger.ts";

export interface LogLine {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: Fields;
}

export interface RecordedLog extends Logger {
  readonly lines: readonly LogLine[];
  /** The messages of one level, or of all but debug. */
  said(level?: LogLevel): readonly string[];
}

export function recordLog(): RecordedLog {
  const lines: LogLine[] = [];
  const bind = (bound: Fields): Logger => {
    const at = (level: LogLevel) => (message: string, fields?: Fields) =>
      void lines.push({ level, message, fields: { ...bound, ...fields } });
    return {
      debug: at("debug"),
      info: at("info"),
      warn: at("warn"),
      error: at("error"),
      with: (fields) => bind({ ...bound, ...fields }),
    };
  };
  return {
    ...bind({}),
    lines,
    said: (level) =>
      lines
        .filter((line) => (level === undefined ? line.level !== "debug" : line.level === level))
        .map(({ message }) => message),
  };
}
