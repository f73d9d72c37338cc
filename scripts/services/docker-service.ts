/** The engines and registries that all live tests of the Docker backend share. */
import { DockerEngine } from "./docker-engine.ts";
import type { Flavour } from "./docker-programs.ts";
import { PodmanEngine } from "./podman-engine.ts";
import { Registry, type RegistryAccount } from "./registry.ts";
import { upload } from "./registry-upload.ts";
import type { RunningService, Service } from "./service.ts";
import { testImages } from "./test-images.ts";

/** Of the registry that asks for one. */
export const REGISTRY_ACCOUNT: RegistryAccount = { name: "tester", password: "open sesame: ü~>?" };

/** What answers as Docker does. */
export type EngineName = Flavour | "podman";

export function engineService(engine: EngineName): Service {
  return {
    name: engineServiceName(engine),
    start: async () => {
      const running = await (engine === "podman"
        ? PodmanEngine.start()
        : DockerEngine.start({ flavour: engine }));
      const env = { [socketVariable(engine)]: running.socket };
      return { env, [Symbol.asyncDispose]: () => running[Symbol.asyncDispose]() };
    },
  };
}

export function engineServiceName(engine: EngineName): string {
  return engine === "podman" ? engine : `docker-${engine}`;
}

/** `debian` -> OZ_TEST_DOCKER_DEBIAN */
export function socketVariable(engine: EngineName): string {
  return `OZ_TEST_${engineServiceName(engine).toUpperCase().replaceAll("-", "_")}`;
}

/** One that is open to all and one that asks who it is, with the same images. */
export function registryService(): Service {
  return { name: "registry", start: startRegistries };
}

async function startRegistries(): Promise<RunningService> {
  await using stack = new AsyncDisposableStack();
  const open = stack.use(await Registry.start());
  const closed = stack.use(await Registry.start(REGISTRY_ACCOUNT));
  for (const image of await testImages()) {
    await upload(open.address, image);
    await upload(closed.address, image, REGISTRY_ACCOUNT);
  }
  const env = { OZ_TEST_REGISTRY: open.address, OZ_TEST_CLOSED_REGISTRY: closed.address };
  const running = stack.move();
  return { env, [Symbol.asyncDispose]: () => running.disposeAsync() };
}
