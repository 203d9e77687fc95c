// What a JSON Schema says about a place in a document: the subset that pydantic writes.

export interface Schema {
  $ref?: string;
  title?: string;
  description?: string;
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  examples?: unknown[];
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: Schema | boolean;
  items?: Schema | boolean;
  allOf?: Schema[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  $defs?: Record<string, Schema>;
  definitions?: Record<string, Schema>;
  deprecated?: boolean;
}

const DEPTH = 12;

/** All plain schemas that may apply where `schema` does: references followed, alternatives laid side by side. */
export function alternatives(schema: Schema, root: Schema, depth = 0): Schema[] {
  if (depth > DEPTH) return [];
  if (schema.$ref) {
    const { $ref, ...own } = schema;
    const target = lookUp($ref, root);
    return target ? alternatives({ ...target, ...own }, root, depth + 1) : [own];
  }
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) {
    const { anyOf: _any, oneOf: _one, ...own } = schema;
    return choices
      .filter((choice) => choice.type !== "null")
      .flatMap((choice) => alternatives(choice, root, depth + 1))
      .map((choice) => ({ ...own, ...choice, ...(own.description ? { description: own.description } : {}) }));
  }
  if (schema.allOf) {
    const { allOf, ...own } = schema;
    const parts = allOf.flatMap((part) => alternatives(part, root, depth + 1));
    const properties = Object.assign({}, ...parts.map((part) => part.properties ?? {}), own.properties ?? {});
    const merged: Schema = Object.assign({}, ...parts, own);
    return [Object.keys(properties).length ? { ...merged, properties } : merged];
  }
  return [schema];
}

function lookUp(reference: string, root: Schema): Schema | undefined {
  if (!reference.startsWith("#/")) return undefined;
  let found: unknown = root;
  for (const part of reference.slice(2).split("/")) {
    const name = decodeURIComponent(part).replace(/~1/g, "/").replace(/~0/g, "~");
    if (typeof found !== "object" || found === null || !Object.hasOwn(found, name)) return undefined;
    found = (found as Record<string, unknown>)[name];
  }
  return found as Schema;
}

/** The schemas one step below: the value of `key`, or the items of a list when `key` is null. */
export function below(schemas: Schema[], key: string | null, root: Schema): Schema[] {
  return schemas.flatMap((schema) => {
    const next = key === null ? schema.items : (own(schema.properties, key) ?? schema.additionalProperties);
    return typeof next === "object" ? alternatives(next, root) : [];
  });
}

function own(properties: Record<string, Schema> | undefined, key: string): Schema | undefined {
  return properties && Object.hasOwn(properties, key) ? properties[key] : undefined;
}

/** Drops the alternatives that a sibling's value rules out, such as another `kind`. */
export function fitting(schemas: Schema[], values: Map<string, string>): Schema[] {
  const kept = schemas.filter((schema) =>
    [...values].every(([key, value]) => {
      const property = own(schema.properties, key);
      if (!property || property.const === undefined) return true;
      return String(property.const) === unquote(value);
    }),
  );
  return kept.length ? kept : schemas;
}

export function unquote(value: string): string {
  return /^(["']).*\1$/.test(value) ? value.slice(1, -1) : value;
}

/** The values a schema names: const, enum, yes or no, default and examples, in this order and without repeats. */
export function knownValues(schema: Schema): unknown[] {
  const values: unknown[] = [];
  if (schema.const !== undefined) values.push(schema.const);
  values.push(...(schema.enum ?? []));
  if (schema.type === "boolean") values.push(true, false);
  if (schema.default !== undefined && schema.default !== null) values.push(schema.default);
  values.push(...(schema.examples ?? []));
  return [...new Set(values.filter((value) => typeof value !== "object"))];
}

/** A few words for a schema's type, such as "text", "list of text", "one of 3". */
export function typeName(schema: Schema, root: Schema): string {
  if (schema.const !== undefined) return String(schema.const);
  if (schema.enum) return `one of ${schema.enum.length}`;
  const names: Record<string, string> = { string: "text", integer: "whole number", boolean: "true or false" };
  const type = Array.isArray(schema.type) ? schema.type.filter((name) => name !== "null").join(" or ") : schema.type;
  if (type === "array") {
    const inner = typeof schema.items === "object" ? typesOf(alternatives(schema.items, root), root) : "";
    return inner ? `list of ${inner}` : "list";
  }
  if (type === "object" || schema.properties) return "mapping";
  return type ? (names[type] ?? type) : "any value";
}

export function typesOf(schemas: Schema[], root: Schema): string {
  return [...new Set(schemas.map((schema) => typeName(schema, root)))].slice(0, 3).join(" or ");
}
