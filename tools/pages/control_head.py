"""The beginning of docs/control.md: who may call, about which world, and what is a secret."""

CONTROL_HEAD = """\
# The control API

The control API is served below `/_fake/`, next to the vendor's own paths. Requests and responses
are JSON. From Python, the fixture of [testing.md](testing.md) is shorter.

A running server documents itself: [`/docs`](http://127.0.0.1:8080/docs) is an interactive page to
try each operation, the upload of a file too, and each call of the control API; `/openapi.json` is
the OpenAPI 3.1 document behind it, for clients, generators and Postman. Its examples are the bodies
that the server really sends. `/_fake/docs` and `/_fake/openapi.json` are the same.

A call with an API key (`Authorization: Bearer KEY`) concerns **the world of that key**: its files,
tasks, rules, clock, settings and journal. The key is the secret, so such a call needs nothing else,
on any address. A call without a key concerns **the whole server**, and
[has a rule of its own](#calls-about-the-whole-server). Who may make such calls may also drive
[a world without its key](#worlds-without-their-keys).

```sh
fake=http://127.0.0.1:8080/_fake
key='Authorization: Bearer my-test' json='Content-Type: application/json'
rule='{"operation":"uploads.create","error":"rate_limited","times":2}'
curl -s -X POST $fake/faults -H "$key" -H "$json" -d "$rule"
curl -s -X POST $fake/clock -H "$key" -H "$json" -d '{"advance":"72h"}'
curl -s -X PATCH $fake/world -H "$key" -H "$json" -d '{"task_seconds":0,"balance":5}'
curl -s "$fake/requests?operation=uploads.create" -H "$key"
octets='Content-Type: application/octet-stream'
curl -s -X POST "$fake/uploads?filename=photo.jpg" -H "$key" -H "$octets" --data-binary @photo.jpg
curl -s -X POST $fake/reset -H "$key" -H "$json"
```

Calls that change something need `Content-Type: application/json`, even with an empty body (but for
`POST /_fake/uploads`, whose body is a file: `application/octet-stream`), and
calls with a foreign `Origin` are rejected, so no web page can use the control API. Requests with
the header `X-Fake-Callback` are rejected too: the server's own callbacks carry it, and whoever
creates a task chooses where these go. Unknown fields,
unknown names and invalid combinations are rejected immediately, with a message that lists what is
valid. Errors have the format of the upload API: `{"error": {"message", "type"}}`.
`FAKE_APIMART_CONTROL=off` removes everything except `/_fake/health`, `/_fake/ready`, and `/docs`
with its document.
For scripts, the command `fake-apimart reset` calls `POST /_fake/reset`; with `--key` it resets one
world.

## Calls about the whole server

They need the header `X-Fake-Admin-Token` with the value of `FAKE_APIMART_ADMIN_TOKEN`, unless the
request can only come from this machine. That is so where all of this holds:

- Both ends of its connection are loopback: the peer's address, and our own address on the accepted
  connection. The address that the server listens on does not matter: a call from inside a container
  needs no token, and one through a published port does.
- Its only `Host` is loopback, and so is the host of a target that is a whole URL. Loopback are
  `localhost`, `127.0.0.0/8` as four decimal numbers, `[::1]` and IPv4-mapped addresses, with any
  port. Other forms such as `127.1` are not, since systems differ on them.
- No header says that a proxy has passed it on: `Forwarded`, `X-Forwarded-*`, `Via`, `X-Real-IP`.
- The peer is none of `FAKE_APIMART_TRUSTED_PROXIES`, and neither `FAKE_APIMART_PUBLIC_URL` nor
  `FAKE_APIMART_PUBLIC_HOSTS` names another host than loopback.

[servers.md](servers.md#behind-a-reverse-proxy) says what to set behind a reverse proxy. The pages
`/docs` and `/openapi.json` say nothing of what the server holds, and are open to everybody. The
page at `/_fake/` has the same rule, and two ways to sign in ([page.md](page.md#who-may-look)).

## Worlds without their keys

Keys are stored nowhere. A world has a name instead, 32 hexadecimal digits that are a hash of its
key, of which people are shown the first 8, and a label that its user gives it. `GET /_fake/worlds`
lists the worlds that are known, at most 1,000, the last used first: those in use, and behind them
those of which only the storage knows, as after a restart. Each comes with its `world` (the name),
`id`, `label`, `meaning` (of a magic key, once it was used), `requests` (in its journal) and
`last_used` (real time, or null).

A world is called what `PATCH /_fake/world` says, or a request with its key in the header
`X-Fake-Label`, which any client can send to the vendor's paths with all of its requests, from a
page of another origin too. It is UTF-8; what does not print becomes `?`, and 200 characters are
kept. The answer is the same with and without it. Nobody reads it with `FAKE_APIMART_CONTROL=off`.

With `?world=ID` any call about a world concerns that world: its whole name, or a beginning of at
least 7 digits that no other has. Such calls and the list have the rule of
[those about the whole server](#calls-about-the-whole-server), and are 403 for everybody else, with
a key too. With a key beside `world` they are 400, and so is what is no such id; 404 says that no
such world is known, and 409 that several are, which it names.

```sh
curl -s $fake/worlds
curl -s -X POST "$fake/clock?world=b474a570" -H "$json" -d '{"advance":"72h"}'
```

What the name of a magic key sets holds once the key was used since the start: until then a world
that is driven by its id has the settings of the server. A whole name is found faster than a
beginning, for which all that is stored is searched.

## Secrets

The journal, the log, errors and all answers of the control API show `***` in place of secrets.
Names decide, in any case and with any dashes: of headers (`Authorization`, `Cookie`, `X-Api-Key`),
of parameters of a query (`key`, `token`, `X-Amz-Signature`) and of fields of JSON at any depth
(`password`, `api_key`, `client_secret`), and whatever else ends with the word `key`, but for some
such as `Idempotency-Key`. Names stay, and so do all other values. URLs lose their
`user:password@`, and a `webhook` each value of its query. A secret without such a name is not
recognized, as in the path of a webhook, in a prompt or in the name of a file. A stored task keeps
the whole webhook, since it is delivered.

Each record of the log is one line: what does not print is escaped, and the lines of a traceback are
indented. Of a path or a message the first 8192 characters are shown, of a longer query nothing.
[observability.md](observability.md) says what is in it.

## Calls

| call | what it does |
|---|---|
"""
