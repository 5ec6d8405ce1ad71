/** Names of the control API, as types: editors complete them, and any other string is taken too. */
import type { components } from "./openapi";

export type Schemas = components["schemas"];
type RuleBody = Schemas["RuleBody"];

/** Any string, beside the names that editors complete: the server says which are valid. */
type Other = string & Record<never, never>;

/** What clients ask for. */
export type Operation = RuleBody["operation"] | Other;

/** The vendor's errors; each operation has some of them. */
export type ErrorName = NonNullable<RuleBody["error"]> | Other;

/** What can go wrong with a connection. */
export type SocketFault = NonNullable<RuleBody["socket"]> | Other;
