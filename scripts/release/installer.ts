/** install.sh as a release carries it: it knows where that release is. */

export interface InstallerInput {
  readonly version: string;
  /** GITHUB_SERVER_URL and GITHUB_REPOSITORY, as a workflow has them; without: the address stays to be given. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Null outside of a workflow. */
export function repositoryUrl(env: InstallerInput["env"]): string | null {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository } = env;
  return server && repository ? `${server}/${repository}` : null;
}

export function renderInstaller(script: string, { version, env }: InstallerInput): string {
  const repository = repositoryUrl(env);
  const url = repository === null ? "" : `${repository}/releases`;
  return setLine(setLine(script, "release_url", url), "release_version", url === "" ? "" : version);
}

function setLine(script: string, name: string, value: string): string {
  const line = `\n${name}=\n`;
  if (!script.includes(line)) throw new Error(`install.sh has no line "${name}="`);
  if (!/^[\w./:+-]*$/.test(value)) throw new Error(`Cannot write ${name} into install.sh: ${value}`);
  return script.replace(line, () => `\n${name}=${value}\n`);
}
