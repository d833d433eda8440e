"""As much of CloudFormation as faultd-alarms.yaml needs: loads a template and works out its resources.

After https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/: intrinsic functions, pseudo
parameters and Fn::ForEach. What the template refers to must be there, or it raises KeyError.
"""

import re

import yaml

PSEUDO = {"AWS::Region": "eu-west-1", "AWS::AccountId": "123456789012", "AWS::Partition": "aws", "AWS::NoValue": None}


class Loader(yaml.SafeLoader):
    def construct_mapping(self, node, deep=False):
        keys = [key.value for key, _ in node.value]
        if len(keys) != len(set(keys)):
            raise yaml.YAMLError(f"{node.start_mark}: a key is there twice")
        return super().construct_mapping(node, deep)


def construct_function(loader, name, node):
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {name if name in ("Ref", "Condition") else f"Fn::{name}": value}


Loader.add_multi_constructor("!", construct_function)


def load(path):
    with open(path, encoding="utf8") as file:
        return yaml.load(file, Loader)


class Stack:
    """The resources and outputs that a template makes with these parameters."""

    def __init__(self, template, parameters):
        self.names = dict(PSEUDO)
        self.unused = set(template["Parameters"])
        for name, parameter in template["Parameters"].items():
            self.names[name] = self.parameter(name, parameter, parameters)
        if parameters.keys() - template["Parameters"].keys():
            raise KeyError(f"parameters that the template does not have: {parameters}")
        self.conditions = template.get("Conditions", {})
        self.resources = {}
        self.make_resources(template["Resources"], {})
        self.outputs = {name: self.value(output["Value"], dict.fromkeys(self.resources, "id of a resource"))
                        for name, output in template.get("Outputs", {}).items()}

    @staticmethod
    def parameter(name, parameter, given):
        text = given.get(name, parameter.get("Default"))
        if text is None:
            raise KeyError(f"{name} has no default")
        if not re.fullmatch(parameter.get("AllowedPattern", ".*"), text):
            raise ValueError(f"{name}: {text!r} does not match its pattern")
        if not parameter.get("MinLength", 0) <= len(text) <= parameter.get("MaxLength", 4096):
            raise ValueError(f"{name}: {text!r} is too short or too long")
        if parameter["Type"] == "CommaDelimitedList":
            return [each.strip() for each in text.split(",")]
        return text

    def make_resources(self, resources, loop):
        for name, resource in resources.items():
            if name.startswith("Fn::ForEach::"):
                identifier, collection, fragment = resource
                for each in self.value(collection, loop):
                    self.make_resources(fragment, {**loop, identifier: each})
                continue
            for identifier, value in loop.items():
                name = name.replace(f"&{{{identifier}}}", re.sub("[^A-Za-z0-9]", "", value))
                name = name.replace(f"${{{identifier}}}", value)
            if not re.fullmatch("[A-Za-z0-9]{1,255}", name):
                raise ValueError(f"{name!r} is no logical ID")
            if name in self.resources or name in self.names:
                raise ValueError(f"{name} is there twice")
            self.resources[name] = self.value(resource, loop)

    def value(self, node, local):
        if isinstance(node, list):
            return [self.value(each, local) for each in node]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            (function, argument), = node.items()
            if function == "Ref":
                return self.name(argument, local)
            if function.startswith("Fn::"):
                return getattr(self, function.removeprefix("Fn::").lower() + "_")(argument, local)
        values = {name: self.value(each, local) for name, each in node.items()}
        return {name: each for name, each in values.items() if each is not None}

    def name(self, name, local):
        self.unused.discard(name)
        return local[name] if name in local else self.names[name]

    def sub_(self, argument, local):
        text, more = argument if isinstance(argument, list) else (argument, {})
        local = {**local, **{name: self.value(each, local) for name, each in more.items()}}
        used = set()

        def replace(match):
            used.add(match[1])
            return self.name(match[1], local)

        result = re.sub(r"\$\{([^}!]+)\}", replace, text)
        if more.keys() - used:
            raise KeyError(f"Fn::Sub does not use {more.keys() - used}")
        return result

    def join_(self, argument, local):
        return argument[0].join(self.value(argument[1], local))

    def equals_(self, argument, local):
        one, other = self.value(argument, local)
        return one == other

    def not_(self, argument, local):
        return not self.value(argument[0], local)

    def if_(self, argument, local):
        condition, then, otherwise = argument
        return self.value(then if self.value(self.conditions[condition], {}) else otherwise, local)
