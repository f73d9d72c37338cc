/** An engine of the tests' own that can be taken away from whoever uses it, and given back: a dockerd, a podman. */
import type { ServiceFolder } from "./service-folder.ts";

export interface RestartableEngine extends AsyncDisposable {
  readonly folder: ServiceFolder;
  readonly socket: string;
  /** As DOCKER_HOST wants it. */
  readonly host: string;
  readonly running: boolean;
  /** On the same folders, so that it finds what it had. Resolves once it answers. */
  startAgain(): Promise<void>;
  /** To the program alone, as to pause it. */
  signal(signal: NodeJS.Signals): void;
  /** With SIGTERM dockerd stops its containers first, unless they outlive it; podman's always do. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}
