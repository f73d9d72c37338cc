/** Platforms in the words of images, whatever those were who named them. */

/** As image platforms name it: linux, amd64 | arm64…; empty for what nobody says. */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
}

/**
 * Kernel names, which some engines and builders of images give instead of Go's.
 * Source: github.com/containerd/platforms, database.go (normalizeArch).
 */
const ARCHITECTURES: ReadonlyMap<string, string> = new Map([
  ["x86_64", "amd64"],
  ["x86-64", "amd64"],
  ["aarch64", "arm64"],
]);

export function readPlatform(os: string, architecture: string): Platform {
  const name = architecture.toLowerCase();
  return { os: os.toLowerCase(), architecture: ARCHITECTURES.get(name) ?? name };
}
