"""What can be asked: the operations of the OpenAPI document and the target file, each ready to be sent."""
