/** Nobody waits for time: tests wait for an event, src/ for an event or a signal. */
import {
  isArrowFunction,
  isCallExpression,
  isFunctionExpression,
  isIdentifier,
  isNewExpression,
  isPropertyAccessExpression,
  isStringLiteral,
  type Node,
} from "typescript/unstable/ast";
import { banRule, inSourceOutside, inTests } from "./ban.ts";
import { lineOf, type Module, walk } from "./module.ts";

export const waits = banRule("waits", "no bare sleep: tests wait for an event, src/ for a signal too", [
  {
    where: inTests,
    find: (node, module) => (isSleep(node) && !isExplained(module, node) ? "a test that sleeps" : null),
    todo: "wait for the event, use fake timers, or say why on the line: `// waits: reason`",
  },
  {
    where: inSourceOutside("src/async/"),
    find: (node, module) => (isBareTimer(node) && !isExplained(module, node) ? "a bare sleep" : null),
    todo: "wait with the functions of src/async, which take a signal",
  },
]);

export const testHonesty = banRule("test-honesty", "no mocked modules, no test left as the only one", [
  {
    where: inTests,
    find: (node) => (isMember(node, "mock", "module") ? "mock.module" : null),
    todo: "hand the fake in as a parameter",
  },
  {
    where: inTests,
    find: (node) => (isOnly(node) ? "a test left as the only one" : null),
    todo: "remove `.only`",
  },
]);

function isSleep(node: Node): boolean {
  if (isBareTimer(node)) return true;
  if (isMember(node, "Bun", "sleep") || isMember(node, "Bun", "sleepSync")) return true;
  return (
    isCallExpression(node) && isIdentifier(node.expression) && /^(?:sleep|delay)$/.test(node.expression.text)
  );
}

/** The promise forms of a timer, from node:timers or made by hand. */
function isBareTimer(node: Node): boolean {
  if (isStringLiteral(node) && /^(?:node:)?timers\/promises$/.test(node.text)) return true;
  return isNewExpression(node) && isIdentifier(node.expression) && node.expression.text === "Promise"
    ? resolvesByTimer(node.arguments?.[0])
    : false;
}

/** A timer that rejects is a deadline and fine; one that resolves is a sleep. */
function resolvesByTimer(executor: Node | undefined): boolean {
  if (executor === undefined || !(isArrowFunction(executor) || isFunctionExpression(executor))) return false;
  const resolve = executor.parameters[0]?.name;
  if (resolve === undefined || !isIdentifier(resolve)) return false;
  for (const node of [executor.body, ...walk(executor.body)]) {
    if (!isCallExpression(node) || !isIdentifier(node.expression)) continue;
    const callback = node.expression.text === "setTimeout" ? node.arguments[0] : undefined;
    if (callback === undefined) continue;
    if ([callback, ...walk(callback)].some((inner) => isIdentifier(inner) && inner.text === resolve.text))
      return true;
  }
  return false;
}

/** On the line itself or on the one above. */
function isExplained(module: Module, node: Node): boolean {
  const line = lineOf(module, node);
  return [module.lines[line - 1], module.lines[line - 2]].some((text) => /\/\/ waits: \S/.test(text ?? ""));
}

function isMember(node: Node, object: string, name: string): boolean {
  if (!isPropertyAccessExpression(node) || !isIdentifier(node.expression)) return false;
  return node.expression.text === object && isIdentifier(node.name) && node.name.text === name;
}

function isOnly(node: Node): boolean {
  return ["describe", "test", "it"].some((name) => isMember(node, name, "only"));
}
