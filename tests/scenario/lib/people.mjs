// The beginning of a template, up to its `spec`: one list of people, whose records stand at `field`; `authenticator` as flow YAML.
export const peopleYaml = ({ url, field = 'data', authenticator }) => `
version: 6.0.0
type: DeclarativeSource
check: {type: CheckStream, stream_names: [people]}
streams:
  - type: DeclarativeStream
    name: people
    primary_key: [id]
    schema_loader: {type: InlineSchemaLoader, schema: {type: object, properties: {id: {type: [string, integer]}, name: {type: string}}}}
    retriever:
      type: SimpleRetriever
      requester: {type: HttpRequester, url_base: "${url}", path: people, http_method: GET${authenticator ? `, authenticator: ${authenticator}` : ''}}
      record_selector: {type: RecordSelector, extractor: {type: DpathExtractor, field_path: [${field}]}}
`;
