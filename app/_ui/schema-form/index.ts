// What pages use of the schema form.
export type { Json } from './model/json';
export { SchemaForm, type SchemaFormProps } from './schema-form';
export { type SchemaFormModel, useSchemaForm } from './use-schema-form';
