// What the control API takes and gives, of an OpenAPI document: the schemas its paths refer to.

export function controlOf(document) {
  const paths = Object.fromEntries(
    Object.entries(document.paths).filter(([path]) => path.startsWith("/_fake/")),
  );
  const schemas = {};
  const take = (value) => {
    for (const [, name] of JSON.stringify(value).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      if (name in schemas) continue;
      schemas[name] = document.components.schemas[name];
      take(schemas[name]);
    }
  };
  take(paths);
  const sorted = Object.fromEntries(
    Object.entries(schemas).sort(([one], [other]) => (one < other ? -1 : 1)),
  );
  return {
    openapi: document.openapi,
    info: document.info,
    paths: {},
    components: { schemas: sorted },
  };
}
