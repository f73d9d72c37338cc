/** Certificates for one test run: a CA of our own, and what it signs. */
import { TempDir } from "./temp-dir.ts";

export class Certificates implements AsyncDisposable {
  readonly #dir: TempDir;

  private constructor(dir: TempDir) {
    this.#dir = dir;
  }

  static async create(): Promise<Certificates> {
    return new Certificates(await TempDir.create("certificates"));
  }

  /** `NAME.pem` or `NAME.key`. */
  path(file: string): string {
    return this.#dir.join(file);
  }

  read(file: string): Promise<string> {
    return Bun.file(this.path(file)).text();
  }

  async makeCa(name: string): Promise<void> {
    await this.#openssl(
      "req",
      "-x509",
      ...newKey(name),
      "-out",
      `${name}.pem`,
      "-days",
      "1",
      "-subj",
      `/CN=${name}`,
    );
  }

  async sign(name: string, ca: string, names = "DNS:localhost,IP:127.0.0.1"): Promise<void> {
    await this.#openssl("req", ...newKey(name), "-out", `${name}.csr`, "-subj", `/CN=${name}`);
    await this.#dir.write(`${name}.ext`, `subjectAltName=${names}\n`);
    const signer = ["-CA", `${ca}.pem`, "-CAkey", `${ca}.key`, "-CAcreateserial", "-extfile", `${name}.ext`];
    await this.#openssl("x509", "-req", "-in", `${name}.csr`, ...signer, "-out", `${name}.pem`, "-days", "1");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#dir[Symbol.asyncDispose]();
  }

  async #openssl(...args: readonly string[]): Promise<void> {
    const child = Bun.spawn(["openssl", ...args], {
      cwd: this.#dir.path,
      env: {},
      stdout: "ignore",
      stderr: "pipe",
    });
    if ((await child.exited) !== 0) throw new Error(await new Response(child.stderr).text());
  }
}

function newKey(name: string): readonly string[] {
  return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", `${name}.key`];
}
