/** What this executable was built from; scripts/build.ts puts the values in place of the names. */
declare const __OZ_VERSION__: string | undefined;
declare const __OZ_COMMIT__: string | undefined;

export const BUILD = {
  version: typeof __OZ_VERSION__ === "string" ? __OZ_VERSION__ : "0.1.0-dev",
  commit: typeof __OZ_COMMIT__ === "string" ? __OZ_COMMIT__ : "unknown",
} as const;
