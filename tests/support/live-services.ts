/** The engines that a live test may use, and what becomes of the test where there are none. */
import { describe, test } from "bun:test";
import type { Flavour } from "../../scripts/services/docker-programs.ts";
import { type EngineName, engineServiceName, socketVariable } from "../../scripts/services/docker-service.ts";
import { mayProvide } from "../../scripts/services/service.ts";
import { absenceVariable, LEFT_OUT } from "../../scripts/services/start-services.ts";

export interface LiveEngine<Name extends EngineName = EngineName> {
  readonly flavour: Name;
  readonly socket: string;
  /** HOST:PORT of the registry with the test images. */
  readonly registry: string;
  /** The same behind a name and a password. */
  readonly closedRegistry: string;
}

/** Declares the tests of `body` once for each of Docker's engines, or for those named. */
export function onEachEngine(
  title: string,
  body: (engine: LiveEngine<Flavour>) => void,
  flavours: readonly Flavour[] = ["debian", "modern"],
): void {
  onEngines(flavours, title, body);
}

/** The same for what podman promises as well. */
export function onEachEngineAndPodman(title: string, body: (engine: LiveEngine) => void): void {
  onEngines(["debian", "modern", "podman"], title, body);
}

/** On one Docker and on podman, where two Dockers would not differ: each engine costs its time. */
export function onUnlikeEngines(title: string, body: (engine: LiveEngine) => void): void {
  onEngines(["debian", "podman"], title, body);
}

export function onEngines<Name extends EngineName>(
  flavours: readonly Name[],
  title: string,
  body: (engine: LiveEngine<Name>) => void,
): void {
  for (const flavour of flavours) declareOn(flavour, title, body);
}

function declareOn<Name extends EngineName>(
  flavour: Name,
  title: string,
  body: (engine: LiveEngine<Name>) => void,
): void {
  const socket = process.env[socketVariable(flavour)];
  const registry = process.env["OZ_TEST_REGISTRY"];
  const closedRegistry = process.env["OZ_TEST_CLOSED_REGISTRY"];
  const name = `${title} (${flavour} engine)`;
  if (socket !== undefined && registry !== undefined && closedRegistry !== undefined) {
    describe(name, () => body({ flavour, socket, registry, closedRegistry }));
  } else {
    declareMissing(name, socket === undefined ? engineServiceName(flavour) : "registry");
  }
}

/** A live test that cannot run is skipped aloud; where everything may be provided, as in CI, it is a failure. */
function declareMissing(title: string, service: string): void {
  const why =
    process.env[absenceVariable(service)] ??
    "nothing was started: run `scripts/test live`, or this file by `bun scripts/services/start-services.ts`";
  if (mayProvide() && why !== LEFT_OUT) {
    test(title, () => {
      throw new Error(`There is no ${service} here: ${why}`);
    });
    return;
  }
  process.stderr.write(`skip  ${title}: there is no ${service} here: ${why}\n`);
  test.skip(title, () => undefined);
}
