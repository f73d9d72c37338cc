/** The process environment, passed in: only the edge reads the real one. */
export type HostEnvironment = Readonly<Record<string, string | undefined>>;
