/** What a release says of itself, for whatever is made from it: mirrors, the formula, deb and rpm. */

export interface ReleasedFile {
  readonly name: string;
  readonly target: string;
  readonly size: number;
  readonly sha256: string;
  /** Of the executable in it. */
  readonly executableSize: number;
  readonly executableSha256: string;
}

/** release.json. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly commit: string;
  readonly files: readonly ReleasedFile[];
}

export const PROGRAM = "oz-agent-worker";
