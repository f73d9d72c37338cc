/** What no file of the repository says, whatever its kind. */
import type { Finding, Rule } from "./rule.ts";
import type { RepositoryFile, Tree } from "./tree.ts";

interface Phrase {
  readonly pattern: RegExp;
  readonly what: string;
  readonly todo: string;
  readonly where?: RegExp;
}

/** The public ones by name, and whatever names itself so. */
const REGISTRY_HOST = new RegExp(
  [
    String.raw`\b(?:registry\.(?:npmjs\.org|yarnpkg\.com|npmmirror\.com)|npm\.pkg\.github\.com)`,
    String.raw`\b(?:(?:proxy|sum)\.golang\.org|pypi\.org|files\.pythonhosted\.org|deb\.debian\.org)`,
    String.raw`https?://(?:[\w-]+\.)*(?:registry|mirrors?|artifactory|nexus|verdaccio|goproxy|npm)\.[\w-]+\.\w`,
  ].join("|"),
);

// Brackets in some patterns keep this file from finding itself.
const PHRASES: readonly Phrase[] = [
  {
    pattern: REGISTRY_HOST,
    what: "the host name of a package registry",
    todo: "leave it to the configuration of whoever installs",
  },
  {
    pattern: /(?<![\w.-])\/(?:work|root)\//,
    what: "an absolute path of the machine it was written on",
    todo: "make it relative, or take it as a parameter",
  },
  {
    pattern: /\.\.\/shared\b/,
    what: "a folder outside the repository",
    todo: "say in the repository what a reader needs to know",
  },
  {
    pattern: /\bT[O]DO\b|\bF[I]XME\b/,
    what: "unfinished work in a comment",
    todo: "do it, or open an issue and leave the comment out",
    where: /^(?:src|tests|scripts|examples)\//,
  },
];

export const phrases: Rule = {
  name: "phrases",
  about: "no registry host, no path of a build machine, no unfinished work",
  check: (tree) => tree.files.flatMap(checkText),
};

export const exactVersions: Rule = {
  name: "exact-versions",
  about: "package.json names exact versions, one Bun and one Deno",
  check: checkManifest,
};

function checkText({ path, text }: RepositoryFile): Finding[] {
  const here = PHRASES.filter(({ where }) => where === undefined || where.test(path));
  const lines = text.split("\n");
  return here.flatMap(({ pattern, what, todo }) =>
    lines.flatMap((line, index) => (pattern.test(line) ? [{ file: path, line: index + 1, what, todo }] : [])),
  );
}

const VERSION_KEYS = [
  "engines",
  "dependencies",
  "devDependencies",
  "optionalDependencies",
  "peerDependencies",
  "overrides",
] as const;

/** The packages that bring a runtime, or its types. */
const ENGINES: Readonly<Record<string, string>> = { bun: "bun", "@types/bun": "bun", deno: "deno" };

function checkManifest(tree: Tree): Finding[] {
  const file = tree.files.find(({ path }) => path === "package.json");
  if (file === undefined) return [{ file: "package.json", line: 1, what: "missing", todo: "restore it" }];
  const manifest = JSON.parse(file.text) as Record<string, Record<string, string> | undefined>;
  const lines = file.text.split("\n");
  const findings: Finding[] = [];
  for (const key of VERSION_KEYS) {
    for (const [name, version] of Object.entries(manifest[key] ?? {})) {
      const line = lines.findIndex((text) => text.includes(`"${name}": "${version}"`)) + 1;
      const at = { file: file.path, line: Math.max(line, 1), symbol: name };
      if (!/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version)) {
        findings.push({
          ...at,
          what: `${name} is "${version}"`,
          todo: "name the one version that was tested",
        });
        continue;
      }
      const engine = ENGINES[name];
      if (engine !== undefined && version !== manifest["engines"]?.[engine]) {
        findings.push({ ...at, what: `${name} is not engines.${engine}`, todo: "move both together" });
      }
    }
  }
  return findings;
}
