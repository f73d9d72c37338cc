/** What is said of a backend that the config file names, and that runs no task. */
import type { Settings } from "./settings.ts";

export interface UnusedBackend {
  readonly message: string;
  readonly inFile: string;
  readonly hint?: string;
}

export function unusedBackends({ unusedBackend, emptyBackend }: Settings): readonly UnusedBackend[] {
  const found: UnusedBackend[] = [];
  if (unusedBackend !== null) {
    found.push({
      message: "--backend wins over the config file, whose backend is not used",
      inFile: unusedBackend,
    });
  }
  if (emptyBackend !== null) {
    found.push({
      message: "the backend that the config file names has nothing below it, and so is not used",
      inFile: emptyBackend,
      hint: `write ${emptyBackend}: {} for its defaults`,
    });
  }
  return found;
}
