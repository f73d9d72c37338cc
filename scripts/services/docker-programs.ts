/** Where the programs of an engine come from: Debian's packages, or built from source for a modern one. */
import { join } from "node:path";
import { type UnpackedPackages, unpackPackages } from "./debian-packages.ts";
import { requireConsent, Unavailable } from "./service.ts";

/** `debian`: API 1.41, of Debian's package. `modern`: API 1.56, built from source, image mounts. */
export type Flavour = "debian" | "modern";

const ENGINE_PACKAGES = ["docker.io", "containerd", "runc", "libdevmapper1.02.1", "libseccomp2"] as const;

/** The environment in which `dockerd` is the wanted one, and finds the programs that it needs. */
export async function dockerPrograms(flavour: Flavour): Promise<{ env: Readonly<Record<string, string>> }> {
  requireConsent("dockerd");
  const { env } = await unpackPackages("docker", ENGINE_PACKAGES);
  if (flavour === "debian") return { env };
  const [docker, containerd] = await Promise.all([built("build-docker"), built("build-containerd")]);
  return { env: { ...env, PATH: `${docker}:${containerd}:${env["PATH"]}` } };
}

/** Of 4.3.1 in bookworm. Its libraries that every Debian has are not among them. */
const PODMAN_PACKAGES = [
  ...["podman", "conmon", "runc", "golang-github-containers-common", "containernetworking-plugins"],
  ...["libassuan0", "libdevmapper1.02.1", "libglib2.0-0", "libgpgme11", "libseccomp2", "libsubid4"],
] as const;

export async function podmanPrograms(): Promise<UnpackedPackages> {
  requireConsent("podman");
  return await unpackPackages("podman", PODMAN_PACKAGES);
}

export async function registryProgram(): Promise<UnpackedPackages> {
  requireConsent("docker-registry");
  return await unpackPackages("registry", ["docker-registry"]);
}

/** The folder that a build script of this folder prints; minutes the first time, nothing after. */
async function built(script: string): Promise<string> {
  for (const tool of ["go", "cc"]) {
    if (Bun.which(tool) === null)
      throw new Unavailable(`A modern engine is built from source, which needs ${tool}`);
  }
  // What it says while it builds is not to be waited for.
  const child = Bun.spawn([join(import.meta.dir, script)], { stdio: ["ignore", "pipe", "inherit"] });
  const [folder, status] = await Promise.all([child.stdout.text(), child.exited]);
  if (status !== 0) throw new Error(`${script} ended with status ${status}: its words are above`);
  return folder.trim();
}
