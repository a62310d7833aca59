"""API of algorithms."""

from rest_framework import serializers

from console.api.viewsets import ResourceInput, ResourceSerializer, ResourceViewSet


class AlgorithmSerializer(ResourceSerializer):
    code = serializers.CharField()
    boot_file = serializers.CharField()


class AlgorithmInput(ResourceInput):
    code = serializers.CharField(max_length=255)
    boot_file = serializers.CharField(max_length=255)


class AlgorithmViewSet(ResourceViewSet):
    serializer_class = AlgorithmSerializer
    input_class = AlgorithmInput
