/** A folder of a test's own, gone when its scope ends. */
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { eventually } from "./wait.ts";

export class TempDir implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async create(name = "test"): Promise<TempDir> {
    return new TempDir(await mkdtemp(join(tmpdir(), `oz-${name}-`)));
  }

  join(...parts: string[]): string {
    return join(this.path, ...parts);
  }

  /** Folders in between are made. @returns the full path */
  async write(name: string, content: string | Uint8Array, mode = 0o644): Promise<string> {
    const path = this.join(name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
    // Not as an option of writeFile, which the umask would cut.
    await chmod(path, mode);
    return path;
  }

  async mkdir(name: string): Promise<string> {
    const path = this.join(name);
    await mkdir(path, { recursive: true });
    return path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A process that is just ending may still write into it, and then the folder stays, without a word.
    await eventually(async () => {
      await rm(this.path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
      return !existsSync(this.path);
    }, `${this.path} to be gone`);
  }
}
