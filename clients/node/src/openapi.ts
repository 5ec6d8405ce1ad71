// Made from the server's OpenAPI document by `make node-types`.

export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /**
         * ClockAnswer
         * @description The time of a world.
         */
        ClockAnswer: {
            /**
             * Now
             * @description Unix seconds.
             */
            now: number;
            /** Frozen */
            frozen: boolean;
        };
        /**
         * ClockChange
         * @description Either `reset`, or any of `advance` or `at`, and `freeze`.
         * @example {
         *       "advance": "72h"
         *     }
         */
        ClockChange: {
            /**
             * Advance
             * @description Move it ahead: seconds, or a duration such as 72h.
             * @example 72h
             */
            advance?: number | string | null;
            /**
             * At
             * @description Make it this instant: Unix seconds.
             */
            at?: number | null;
            /**
             * Freeze
             * @description Stop it, or let it run again.
             */
            freeze?: boolean | null;
            /**
             * Reset
             * @description Back to the server's time.
             */
            reset?: boolean | null;
        };
        /**
         * ContractAnswer
         * @description What is known of the vendor's API, in the words of the files of cases.
         */
        ContractAnswer: {
            /** Version */
            version: string;
            /** Sources */
            sources: {
                [key: string]: string;
            };
            /** Frames */
            frames: {
                [key: string]: components["schemas"]["JsonValue"];
            };
            /** Operations */
            operations: components["schemas"]["JsonValue"][];
        };
        /** DocumentedError */
        DocumentedError: {
            error: {
                code: number;
                message: string;
                type: string;
            };
        };
        /**
         * DribbleAnswer
         * @description The pace of a slow answer.
         */
        DribbleAnswer: {
            /** Bytes */
            bytes: number;
            /** Seconds */
            seconds: number;
        };
        /**
         * DribbleBody
         * @description The pace of a slow answer: some bytes of its body, then a pause, and so on.
         * @example {
         *       "bytes": 16,
         *       "seconds": 0.1
         *     }
         */
        DribbleBody: {
            /**
             * Bytes
             * @default 1
             */
            bytes: number;
            /**
             * Seconds
             * @default 0.05
             */
            seconds: number;
        };
        /**
         * Failing
         * @description How a task fails.
         * @example {
         *       "message": "no cats today"
         *     }
         */
        Failing: {
            /**
             * Message
             * @description What polls and the callback say.
             * @default task failed on purpose
             */
            message: string;
        };
        /**
         * GivenAnswer
         * @description An answer as it was made; a fault of the connection may have cut it.
         */
        GivenAnswer: {
            /**
             * Headers
             * @description By lower-case name, secrets redacted; without `Date` and `Connection`.
             */
            headers: {
                [key: string]: string;
            };
            /**
             * Body
             * @description The JSON body, or text; the beginning where it is long, null of a file.
             */
            body: unknown;
            /**
             * Bytes
             * @description How many the body has.
             */
            bytes: number;
        };
        /** Health */
        Health: {
            /** @constant */
            status: "ok";
            version: string;
            /** @description Where it keeps files. */
            storage: string;
        };
        /**
         * JournalAnswer
         * @description How much a journal holds.
         */
        JournalAnswer: {
            /** Entries */
            entries: number;
            /** Bytes */
            bytes: number;
        };
        JsonValue: unknown;
        /**
         * KnownWorldAnswer
         * @description A world as it stands among all.
         */
        KnownWorldAnswer: {
            /**
             * World
             * @description Its name: the hash of its key.
             */
            world: string;
            /**
             * Id
             * @description The beginning of the name.
             */
            id: string;
            /**
             * Label
             * @description What its user calls it; empty without a label.
             */
            label: string;
            /**
             * Meaning
             * @description What its key's name says; empty where the key was not used since the start.
             */
            meaning: string;
            /**
             * Requests
             * @description How many its journal has.
             */
            requests: number;
            /**
             * Last Used
             * @description Real time in Unix seconds of its last request or change; null where it was not used since it began anew, or the server started.
             */
            last_used: number | null;
        };
        /**
         * KnownWorldsAnswer
         * @description The worlds that are known, the last used first; behind them those that are only stored.
         */
        KnownWorldsAnswer: {
            /** Worlds */
            worlds: components["schemas"]["KnownWorldAnswer"][];
        };
        /**
         * OwnSettingsAnswer
         * @description Those of them that the world has of its own, and not from the server.
         */
        OwnSettingsAnswer: {
            /** Task Seconds */
            task_seconds?: number | null;
            /** Task Polls */
            task_polls?: number | null;
            /** Task Failure */
            task_failure?: string | null;
            /** Balance */
            balance?: number | null;
            /** Rate Limit */
            rate_limit?: string | null;
            /** Dialect */
            dialect?: string | null;
            /** Max File Bytes */
            max_file_bytes?: number | null;
            /** Url Ttl Seconds */
            url_ttl_seconds?: number | null;
        };
        /** PageError */
        PageError: {
            error: {
                message: string;
                type: string;
            };
        };
        /** Readiness */
        Readiness: {
            /** @enum {string} */
            status: "ready" | "unavailable";
            version: string;
            /** @description Of `storage`, `state` and `server`, those that cannot work, and why. */
            missing: {
                [key: string]: string;
            };
        };
        /**
         * RemovedAnswer
         * @description The world that is gone.
         */
        RemovedAnswer: {
            /** Removed */
            removed: string;
        };
        /**
         * RequestAnswer
         * @description A request, and what it was answered.
         */
        RequestAnswer: {
            /** Id */
            id: number;
            /**
             * World
             * @description The name of the world in whose journal it is, or `server`.
             */
            world: string;
            /**
             * Time
             * @description Unix seconds by the world's clock.
             */
            time: number;
            /** Operation */
            operation: string | null;
            /** Method */
            method: string;
            /**
             * Path
             * @description Decoded, without the query.
             */
            path: string;
            /**
             * Query
             * @description As it was sent, secrets redacted; empty where there was none.
             */
            query: string;
            /**
             * Status
             * @description null where nothing was answered.
             */
            status: number | null;
            /**
             * Duration
             * @description Seconds.
             */
            duration: number;
            /**
             * Error
             * @description The message of a refusal.
             */
            error: string | null;
            /**
             * Fault
             * @description The rule that answered.
             */
            fault: string | null;
            /** Task Id */
            task_id: string | null;
            /**
             * File
             * @description The last segment of the file's URL.
             */
            file: string | null;
            /** Filename */
            filename: string | null;
            /** Content Type */
            content_type: string | null;
            /**
             * Size
             * @description Of the file, in bytes.
             */
            size: number | null;
            /** Sha256 */
            sha256: string | null;
            /**
             * Headers
             * @description By lower-case name, secrets redacted.
             */
            headers: {
                [key: string]: string;
            };
            /**
             * Part Headers
             * @description Of the form's part that held the file.
             */
            part_headers: {
                [key: string]: string;
            };
            /**
             * Body
             * @description The JSON body; as text if it is no JSON, long, or too deep for most parsers.
             */
            body: unknown;
            /** Body Bytes */
            body_bytes: number;
            /**
             * Unread Fields
             * @description What was sent and nothing reads.
             */
            unread_fields: string[];
            /** @description null where nothing was answered. */
            answer: components["schemas"]["GivenAnswer"] | null;
        };
        /**
         * RequestsAnswer
         * @description Requests, newest last.
         */
        RequestsAnswer: {
            /** Requests */
            requests: components["schemas"]["RequestAnswer"][];
        };
        /**
         * ResetAnswer
         * @description The world that begins anew; null for the whole server.
         */
        ResetAnswer: {
            /** Reset */
            reset: string | null;
        };
        /**
         * RuleAnswer
         * @description A rule, with what it was written with.
         */
        RuleAnswer: {
            /** Id */
            id: number;
            /** Operation */
            operation: string;
            /** Error */
            error?: string | null;
            /** Status */
            status?: number | null;
            /** Headers */
            headers?: {
                [key: string]: string;
            } | null;
            body?: components["schemas"]["JsonValue"];
            /** Body Base64 */
            body_base64?: string | null;
            /** Socket */
            socket?: string | null;
            dribble?: components["schemas"]["DribbleAnswer"] | null;
            /** Delay */
            delay?: number | null;
            /** Where */
            where?: {
                [key: string]: components["schemas"]["JsonValue"];
            } | null;
            /** Times */
            times: number | null;
            /** After */
            after: number;
            /** Every */
            every: number;
            /**
             * Used
             * @description How many requests have met it.
             */
            used: number;
        };
        /**
         * RuleBody
         * @description A rule: which requests meet it, and what it does to them.
         *
         *     That is an `error` by name, an answer of your own with this `status`, or a fault of the
         *     `socket`; or a `delay` in seconds, alone or before one of these.
         * @example {
         *       "error": "rate_limited",
         *       "headers": {
         *         "Retry-After": "7"
         *       },
         *       "operation": "uploads.create",
         *       "times": 2,
         *       "where": {
         *         "filename": {
         *           "glob": "*.png"
         *         },
         *         "size": {
         *           "at_least": 1
         *         }
         *       }
         *     }
         */
        RuleBody: {
            /**
             * Operation
             * @enum {string}
             */
            operation: "uploads.create" | "files.get" | "generations.create" | "tasks.get" | "tasks.batch" | "models.list" | "models.get" | "models.schema" | "models.docs" | "balance.get";
            /**
             * Error
             * @enum {unknown}
             */
            error?: "invalid_key" | "insufficient_balance" | "forbidden" | "rate_limited" | "file_too_large" | "upload_failed" | "internal_error" | "bad_gateway" | "service_unavailable" | "channel_busy" | "model_not_found" | "access_denied";
            /**
             * Status
             * @description A raw answer's status.
             */
            status?: number | null;
            /**
             * Headers
             * @description A raw answer's headers, or an error's beside its own.
             */
            headers?: {
                [key: string]: string;
            } | null;
            /** @description A raw answer's body: text as it is, or else JSON. */
            body?: components["schemas"]["JsonValue"];
            /**
             * Body Base64
             * @description The same as bytes: `body` or this.
             * @example iVBORw0KGgo=
             */
            body_base64?: string | null;
            /**
             * Socket
             * @enum {unknown}
             */
            socket?: "close_before_reading" | "reset_after_reading" | "never_answer" | "end_after_headers" | "cut_in_body" | "malformed_chunks" | "one_byte_per_second" | "dribble";
            /** @description The pace of the socket fault of that name. */
            dribble?: components["schemas"]["DribbleBody"] | null;
            /**
             * Delay
             * @description Seconds.
             */
            delay?: number | null;
            /**
             * Times
             * @description How many requests; null for all.
             * @default 1
             */
            times: number | null;
            /**
             * After
             * @description How many are let through before.
             * @default 0
             */
            after: number;
            /**
             * Every
             * @description Only each so manyth of those that follow.
             * @default 1
             */
            every: number;
            /**
             * Where
             * @description Only requests that are so. A plain value stands for `equal`.
             */
            where?: {
                /** @description Of the file's name, as answers state it: equal, contains, glob. */
                filename?: unknown;
                /** @description Of the file's size in bytes: equal, at_least, at_most. */
                size?: unknown;
                /** @description Of the file's type, as its content says and not its client: equal, contains, glob. */
                content_type?: unknown;
                /** @description Of the text of the JSON's field `prompt`: equal, contains, glob. */
                prompt?: unknown;
                /** @description Of a field of the JSON, by its path, such as `model`, `metadata.tenant` or `image_urls.0`: equal, contains, glob, at_least, at_most. */
                json?: unknown;
                /** @description Of a header of the request, by its name in any case: equal, contains, glob. */
                header?: unknown;
            } | {
                [key: string]: components["schemas"]["JsonValue"];
            } | null;
        };
        /**
         * RulesAnswer
         * @description The rules of a world, in the order in which they fire.
         */
        RulesAnswer: {
            /** Faults */
            faults: components["schemas"]["RuleAnswer"][];
        };
        /**
         * TaskAnswer
         * @description A generation task as it stands.
         */
        TaskAnswer: {
            /** Id */
            id: string;
            /** Status */
            status: string;
            /** Progress */
            progress: number;
            /** Model */
            model: string;
            /** Prompt */
            prompt: string;
            /** Width */
            width: number;
            /** Height */
            height: number;
            /** Images */
            images: number;
            /** References */
            references: string[];
            /** Failure */
            failure: string | null;
            /** Cost */
            cost: number;
            /**
             * Created
             * @description Unix seconds.
             */
            created: number;
        };
        /**
         * TasksAnswer
         * @description The tasks of a world, oldest first.
         */
        TasksAnswer: {
            /** Tasks */
            tasks: components["schemas"]["TaskAnswer"][];
        };
        /**
         * UploadAnswer
         * @description An uploaded file.
         */
        UploadAnswer: {
            /**
             * Name
             * @description The last segment of its URL.
             */
            name: string;
            /** Path */
            path: string;
            /** Filename */
            filename: string | null;
            /** Content Type */
            content_type: string;
            /** Bytes */
            bytes: number;
            /**
             * Created At
             * @description Unix seconds by the world's clock.
             */
            created_at: number;
            /**
             * Expires At
             * @description Unix seconds by the world's clock.
             */
            expires_at: number;
            /**
             * Alive
             * @description Whether its URL is still good.
             */
            alive: boolean;
        };
        /**
         * UploadsAnswer
         * @description The files of a world, in the order in which they came.
         */
        UploadsAnswer: {
            /** Uploads */
            uploads: components["schemas"]["UploadAnswer"][];
        };
        /**
         * WaitAnswer
         * @description Requests that were waited for.
         */
        WaitAnswer: {
            /** Requests */
            requests: components["schemas"]["RequestAnswer"][];
            /**
             * Satisfied
             * @description Whether there were enough before time was up.
             */
            satisfied: boolean;
        };
        /**
         * WorldAnswer
         * @description What holds in a world; `world` is null for the whole server.
         */
        WorldAnswer: {
            /** World */
            world: string | null;
            /**
             * Meaning
             * @description What the key's name says.
             */
            meaning?: string | null;
            /**
             * Worlds
             * @description How many there are in the server.
             */
            worlds?: number | null;
            settings: components["schemas"]["WorldSettingsAnswer"];
            own_settings: components["schemas"]["OwnSettingsAnswer"];
            /**
             * Label
             * @description What its user calls it; empty without a label.
             */
            label: string;
            journal: components["schemas"]["JournalAnswer"];
        };
        /**
         * WorldChanges
         * @example {
         *       "balance": 5,
         *       "label": "test_upload",
         *       "task_seconds": 0
         *     }
         */
        WorldChanges: {
            /**
             * Task Seconds
             * @description How long a generation task takes, in seconds. null for the server's.
             */
            task_seconds?: number | null;
            /**
             * Task Polls
             * @description How many polls a task stays unfinished for. null for the server's.
             */
            task_polls?: number | null;
            /**
             * Task Failure
             * @description Let tasks fail with this message; by default they complete. null for the server's.
             */
            task_failure?: string | null;
            /**
             * Balance
             * @description What each key has to spend on tasks at first. null for the server's.
             */
            balance?: number | null;
            /**
             * Rate Limit
             * @description Uploads and tasks per key, such as 60/minute; by default no limit. null for the server's.
             */
            rate_limit?: string | null;
            /**
             * Dialect
             * @description Answers as on the vendor's page, or as the live service was seen to. null for the server's.
             */
            dialect?: ("page" | "live") | null;
            /**
             * Max File Bytes
             * @description Largest file, in bytes. null for the server's.
             */
            max_file_bytes?: number | null;
            /**
             * Url Ttl Seconds
             * @description How long a file's URL is good, in seconds. null for the server's.
             */
            url_ttl_seconds?: number | null;
            /**
             * Label
             * @description What the world is called in the log and here, such as the name of a test: at most 200 characters that print. null for nothing.
             */
            label?: string | null;
        };
        /**
         * WorldSettingsAnswer
         * @description The settings that a world can have of its own.
         */
        WorldSettingsAnswer: {
            /** Task Seconds */
            task_seconds: number;
            /** Task Polls */
            task_polls: number;
            /** Task Failure */
            task_failure: string;
            /** Balance */
            balance: number;
            /** Rate Limit */
            rate_limit: string;
            /** Dialect */
            dialect: string;
            /** Max File Bytes */
            max_file_bytes: number;
            /** Url Ttl Seconds */
            url_ttl_seconds: number;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
