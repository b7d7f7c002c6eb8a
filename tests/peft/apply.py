"""Loads an adapter with PEFT onto a fresh model and says which update every module applies.

    python apply.py FOLDER MODEL.json

FOLDER holds adapter_model.safetensors and adapter_config.json; MODEL.json holds the sizes of the model as its
config.json names them, with its model_type ("llama" where it says none). The answer on standard output is JSON: per
module, by its path in the model, the shape of its update, the scaling that PEFT uses, and the Frobenius norm and the
singular values of get_delta_weight in double precision. Exits with an error if a tensor of the file did not reach
the model, if the model wanted one that the file does not have, or if PEFT warned of one.
"""

import json
import sys
import warnings

import peft.peft_model
import torch
from peft import PeftModel, get_peft_model_state_dict
from peft.tuners.lora import LoraLayer
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForCausalLM

ADAPTER = "default"


def load(folder, sizes):
    """The model with its adapter, and what PEFT says of keys that did not fit."""
    config = AutoConfig.for_model(sizes.pop("model_type", "llama"), **sizes)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    results = []
    set_state_dict = peft.peft_model.set_peft_model_state_dict

    def recorded(*args, **kwargs):
        results.append(set_state_dict(*args, **kwargs))
        return results[-1]

    peft.peft_model.set_peft_model_state_dict = recorded
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = PeftModel.from_pretrained(model, folder, adapter_name=ADAPTER)
    assert len(results) == 1, "the adapter was loaded once"
    assert not results[0].unexpected_keys, f"unexpected: {results[0].unexpected_keys}"
    wanting = [key for key in results[0].missing_keys if "lora_" in key]
    assert not wanting, f"missing: {wanting}"
    said = [str(warning.message) for warning in caught]
    assert not any("key" in text for text in said), said
    return model


def compare(model, tensors):
    """Every tensor of the file is in the model, with its values, and no adapter tensor beside them."""
    whole = any(".base_layer." in name for name in tensors)
    held = get_peft_model_state_dict(model, adapter_name=ADAPTER, save_embedding_layers=whole)
    assert set(held) == set(tensors), f"only on one side: {sorted(set(held) ^ set(tensors))}"
    for name, tensor in tensors.items():
        assert held[name].shape == tensor.shape, f"{name}: {held[name].shape} for {tensor.shape}"
        assert torch.equal(held[name].double(), tensor.double()), f"{name}: other values"


def main():
    folder, sizes = sys.argv[1], json.load(open(sys.argv[2], encoding="utf-8"))
    model = load(folder, sizes)
    compare(model, load_file(f"{folder}/adapter_model.safetensors"))
    answer = {}
    with torch.no_grad():
        for name, module in model.double().named_modules():
            if isinstance(module, LoraLayer) and ADAPTER in module.scaling:
                delta = module.get_delta_weight(ADAPTER)
                assert delta.dtype == torch.float64
                answer[name.removeprefix("base_model.model.")] = {
                    "shape": list(delta.shape),
                    "rank": module.r[ADAPTER],
                    "scaling": module.scaling[ADAPTER],
                    "frobenius": torch.linalg.norm(delta).item(),
                    "singular_values": torch.linalg.svdvals(delta).tolist(),
                }
    json.dump(answer, sys.stdout)


main()
