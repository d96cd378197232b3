//! The smallest provider that reads and writes: `gate`, with its service `door` and the one resource `things`. How it signs
//! in and where its things lie is the test's to say. It knows nothing of what is tested.

const SERVICE: &str = "
openapi: 3.0.3
info: {title: Door, version: v1}
servers: [{url: 'SERVER'}]
paths:
  BEFORE/things:
    parameters: [PARAMETERS]
    get: {operationId: things, responses: {200: {description: Things, content: {application/json: {schema: {type: object, properties: {items: {type: array, items: {type: object, properties: {id: {type: string}}}}}}}}}}}
    post: {operationId: add, requestBody: {content: {application/json: {schema: {type: object, properties: {id: {type: string}}}}}}, responses: {200: {description: A thing, content: {application/json: {schema: {type: object, properties: {id: {type: string}}}}}}}}
components:
  x-stackQL-resources:
    things:
      id: gate.door.things
      name: things
      methods:
        list: {operation: {$ref: '#/paths/POINTER~1things/get'}, response: {mediaType: application/json, openAPIDocKey: '200', objectKey: $.items}}
        add: {operation: {$ref: '#/paths/POINTER~1things/post'}, request: {mediaType: application/json}, response: {mediaType: application/json, openAPIDocKey: '200'}}
      sqlVerbs:
        select: [{$ref: '#/components/x-stackQL-resources/things/methods/list'}]
        insert: [{$ref: '#/components/x-stackQL-resources/things/methods/add'}]
";

/// The service's document. `account`: each account has things of its own.
pub fn service(server: &str, account: bool) -> String {
    let (before, parameters) = match account {
        true => ("/accounts/{account_id}", "{name: account_id, in: path, required: true, schema: {type: string}}"),
        false => ("", ""),
    };
    let text = SERVICE.replace("SERVER", server).replace("BEFORE", before).replace("PARAMETERS", parameters);
    text.replace("POINTER", &before.replace('/', "~1"))
}

/// provider.yaml; `rest` says how it is reached and signed in to.
pub fn provider(rest: &str) -> String {
    format!(
        "id: gate\nname: gate\nversion: v1\ntitle: Gate\nproviderServices:\n  door: {{id: 'door:v1', name: door, title: \
         Door, version: v1, service: {{$ref: services/door.yaml}}}}\n{rest}\n"
    )
}
