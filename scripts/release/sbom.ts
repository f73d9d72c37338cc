/**
 * The bill of materials in SPDX 2.3.
 * Source of the fields: https://spdx.github.io/spdx-spec/v2.3/
 */
import type { Component } from "./components.ts";

export interface SbomInput {
  readonly version: string;
  readonly commit: string;
  readonly components: readonly Component[];
  /** Seconds since 1970: of the commit, so that one commit has one bill. */
  readonly createdAt: number;
}

const NAME = "oz-agent-worker";

export function buildSbom({ version, commit, components, createdAt }: SbomInput): object {
  const root = "SPDXRef-Package-oz-agent-worker";
  const packages = components.map((component) => ({ id: idOf(component), component }));
  return {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: "SPDXRef-DOCUMENT",
    name: `${NAME}-${version}`,
    documentNamespace: `urn:${NAME}:${version}:${commit}`,
    creationInfo: {
      created: new Date(createdAt * 1000).toISOString().replace(/\.\d+Z$/, "Z"),
      creators: [`Tool: ${NAME}-build-${version}`],
    },
    packages: [
      spdxPackage(root, { name: NAME, version, license: "Apache-2.0" }),
      ...packages.map(({ id, component }) => ({
        ...spdxPackage(id, component),
        externalRefs: [
          {
            referenceCategory: "PACKAGE-MANAGER",
            referenceType: "purl",
            referenceLocator: purlOf(component),
          },
        ],
      })),
    ],
    relationships: [
      { spdxElementId: "SPDXRef-DOCUMENT", relationshipType: "DESCRIBES", relatedSpdxElement: root },
      ...packages.map(({ id }) => ({
        spdxElementId: root,
        relationshipType: "CONTAINS",
        relatedSpdxElement: id,
      })),
    ],
  };
}

function spdxPackage(id: string, { name, version, license }: Omit<Component, "licenseText">): object {
  return {
    SPDXID: id,
    name,
    versionInfo: version,
    downloadLocation: "NOASSERTION",
    filesAnalyzed: false,
    licenseConcluded: "NOASSERTION",
    licenseDeclared: license,
    copyrightText: "NOASSERTION",
  };
}

/** Letters, digits, dots and dashes only. */
function idOf({ name, version }: Component): string {
  return `SPDXRef-Package-${`${name}-${version}`.replace(/[^A-Za-z0-9.-]+/g, "-").replace(/^-/, "")}`;
}

function purlOf({ name, version }: Component): string {
  return `pkg:npm/${name.replace(/^@/, "%40")}@${version}`;
}
