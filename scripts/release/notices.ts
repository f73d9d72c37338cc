/** The licences of what is inside of the executable, as their texts ask to be handed on. */
import type { Component } from "./components.ts";

export function renderNotices(components: readonly Component[]): string {
  const intro = "This program contains the software below, each under its own licence.\n";
  return [intro, ...components.map(renderComponent)].join(`\n${"-".repeat(78)}\n\n`);
}

function renderComponent({ name, version, license, licenseText }: Component): string {
  const text = licenseText.trim();
  return `${name} ${version} (${license})\n\n${text === "" ? "The package brings no text of its licence." : text}\n`;
}
